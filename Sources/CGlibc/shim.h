// What Swift's Glibc module leaves out: glibc's heap settings, and what glibc shows under _GNU_SOURCE
// only (which a module must not define: others include the same headers without it).
#include <elf.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

// renameat2(2) with RENAME_NOREPLACE, by paths that are absolute or begin at the working directory.
static inline int rename_to_free_place(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, -100, from, -100, to, 1);
}

// syncfs of <unistd.h>.
int sync_file_system(int) __asm__("syncfs");

// pthread_setattr_default_np of <pthread.h>.
int set_default_thread_attributes(const pthread_attr_t *) __asm__("pthread_setattr_default_np");

// tcsetattr of <termios.h>, whose structure other modules have, too.
int set_terminal_attributes(int, int, const void *) __asm__("tcsetattr");

// The settings of the terminal at standard input to put back after a fault; of size 0 when there are
// none. What uses them is called from one Swift file: another one would have its own.
struct kept_settings {
    volatile sig_atomic_t size;
    _Alignas(16) char bytes[256];
};
static inline struct kept_settings *terminal_before_fault(void) {
    static struct kept_settings settings;
    return &settings;
}

// Notes the settings to put back after a fault, or with NULL that there are none.
static inline void note_terminal(const void *settings, size_t size) {
    struct kept_settings *kept = terminal_before_fault();
    kept->size = 0;
    if (settings == NULL || size > sizeof kept->bytes) return;
    memcpy(kept->bytes, settings, size);
    kept->size = (sig_atomic_t)size;
}

// pidfd_open(2) and pidfd_send_signal(2), which glibc has had since 2.36 only.
static inline int open_process(pid_t number) { return (int)syscall(SYS_pidfd_open, number, 0); }
static inline int signal_process(int process, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, process, signal, NULL, 0);
}

// A fault is told of by what is safe in a signal handler: no lock, no allocation, which Swift does
// not promise. See signal-safety(7).
static inline void tell_of_fault(int number) {
    static volatile sig_atomic_t is_told;
    static const char begin[] = "runner: stopped by a fault (signal ";
    static const char end[] =
        "), perhaps out of memory; what was committed is safe; run again to resume\n";
    char line[sizeof begin + sizeof end + 2];
    size_t length = sizeof begin - 1;
    if (!is_told) {
        is_told = 1;
        memcpy(line, begin, length);
        if (number >= 10) line[length++] = (char)('0' + number / 10 % 10);
        line[length++] = (char)('0' + number % 10);
        memcpy(line + length, end, sizeof end - 1);
        length += sizeof end - 1;
        if (write(STDERR_FILENO, line, length) < 0) {}  // nobody reads it
        if (terminal_before_fault()->size > 0) {
            set_terminal_attributes(STDIN_FILENO, 0, terminal_before_fault()->bytes);
        }
    }
    // Its action is the default again: it ends the process as if nobody had looked.
    raise(number);
}

// Has faults told of, on a stack of their own where the thread is the one that calls.
static inline void watch_for_faults(void) {
    static char stack[64 << 10];
    static const int numbers[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action;
    sigaltstack(&other, NULL);
    memset(&action, 0, sizeof action);
    action.sa_handler = tell_of_fault;
    action.sa_flags = (int)(SA_RESETHAND | SA_ONSTACK | SA_NODEFER);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}
