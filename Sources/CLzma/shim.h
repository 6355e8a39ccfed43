#include <lzma.h>

// LZMA_CONCATENATED is a macro Swift cannot import.
enum { lzma_concatenated = LZMA_CONCATENATED };
