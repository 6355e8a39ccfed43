// What Swift's Glibc module leaves out: glibc's heap settings, and what glibc shows under _GNU_SOURCE
// only (which a module must not define: others include the same headers without it).
#include <elf.h>
#include <malloc.h>
#include <stddef.h>

// Locks by open file description, of <fcntl.h>; the numbers are the kernel's interface.
enum { get_ofd_lock = 36, set_ofd_lock = 37 };

// The beginning of struct dl_phdr_info of <link.h>, on 64-bit machines.
struct loaded_object {
    Elf64_Addr address;
    const char *name;
    const Elf64_Phdr *parts;
    Elf64_Half part_count;
};
int iterate_loaded_objects(int (*)(struct loaded_object *, size_t, void *), void *) __asm__("dl_iterate_phdr");

// syncfs of <unistd.h>.
int sync_file_system(int) __asm__("syncfs");
