// What Swift's Glibc module leaves out: glibc's heap settings, the objects a process has loaded, and
// locks by open file description (<fcntl.h> shows their numbers under _GNU_SOURCE only; they are the
// kernel's interface).
#define _GNU_SOURCE
#include <link.h>
#include <malloc.h>

enum { get_ofd_lock = 36, set_ofd_lock = 37 };
