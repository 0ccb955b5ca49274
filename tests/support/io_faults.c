/* A shim for LD_PRELOAD that makes one file call fail: the N-th of the calls that open, write,
 * sync, truncate, rename or remove a file in or under one folder. Reads, and files elsewhere, work
 * as usual. Standard output gets "fault CALL" at the failure. At the end of the process it gets
 * "calls ALL WRITES", the numbers of counted calls.
 *
 *   IO_FAULT_FOLDER  the folder, as an absolute path without links
 *   IO_FAULT_AT      N, from 1 on; 0 only counts
 *   IO_FAULT         a name of `faults` below
 *
 * Compiled and used by tests/tests/journal_faults.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum what {
    FAIL, /* the call has no effect and sets `error` */
    SHORT, /* half of a write is done and reported; counts writes only */
    SHORT_FULL, /* the same, and every later write finds the disk full */
    KILL, /* the process is killed before the call */
};

static const struct fault {
    const char *name;
    enum what what;
    int error;
    int lasts; /* every later call fails too */
} faults[] = {
    {"count", FAIL, EIO, 0},
    {"full", FAIL, ENOSPC, 0},
    {"stays-full", FAIL, ENOSPC, 1},
    {"broken", FAIL, EIO, 0},
    {"stays-broken", FAIL, EIO, 1},
    {"read-only", FAIL, EROFS, 0},
    {"interrupted", FAIL, EINTR, 0},
    {"short", SHORT, 0, 0},
    {"short-then-full", SHORT_FULL, ENOSPC, 1},
    {"killed", KILL, 0, 0},
};

static const struct fault *fault = &faults[0];
static const char *folder;
static long at;
static atomic_long calls, writes;

static void say(const char *words, long one, long two) {
    char line[96];
    int length = two < 0 ? snprintf(line, sizeof line, "fault %s\n", words)
                         : snprintf(line, sizeof line, "%s %ld %ld\n", words, one, two);
    if (length > 0 && syscall(SYS_write, 1, line, (size_t)length) < 0) {
        return; /* the reader has closed its end */
    }
}

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("IO_FAULT"), *number = getenv("IO_FAULT_AT");
    folder = getenv("IO_FAULT_FOLDER");
    at = number ? atol(number) : 0;
    for (size_t i = 0; name && i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].name, name) == 0) {
            fault = &faults[i];
        }
    }
}

__attribute__((destructor)) static void end(void) { say("calls", calls, writes); }

static int is_inside(const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    return length > 0 && path && strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
}

static int is_inside_fd(int fd) {
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) {
        return 0;
    }
    path[length] = 0;
    return is_inside(path);
}

/* Whether this call, on a file inside the folder, has to fail. */
static int goes_wrong(const char *call, int is_write) {
    long all = atomic_fetch_add(&calls, 1) + 1;
    long of_writes = atomic_fetch_add(&writes, is_write) + is_write;
    int counts_writes = fault->what == SHORT || fault->what == SHORT_FULL;
    long number = counts_writes ? of_writes : all;
    if (at == 0 || number < at || (counts_writes && !is_write) || (number > at && !fault->lasts)) {
        return 0;
    }
    if (number == at) {
        say(call, 0, -1);
    }
    if (fault->what == KILL) {
        kill(getpid(), SIGKILL);
    }
    return 1;
}

/* For a write: -1 with errno when nothing may be written, otherwise the number of bytes to
 * write. */
static ssize_t allowed(int fd, const char *call, size_t count) {
    if (!is_inside_fd(fd) || !goes_wrong(call, 1)) {
        return (ssize_t)count;
    }
    int is_short = fault->what == SHORT || (fault->what == SHORT_FULL && atomic_load(&writes) == at);
    if (is_short && count > 1) {
        return (ssize_t)(count / 2);
    }
    errno = fault->error ? fault->error : ENOSPC;
    return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILS(inside, name)                     \
    if ((inside) && goes_wrong(#name, 0)) {     \
        errno = fault->error;                   \
        return -1;                              \
    }

#define OPEN(name)                                                          \
    int name(const char *path, int flags, ...) {                            \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                       \
        FAILS(is_inside(path), name)                                        \
        return REAL(name)(path, flags, mode);                               \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                        \
    int name(int base, const char *path, int flags, ...) {                  \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                       \
        FAILS(is_inside(path), name)                                        \
        return REAL(name)(base, path, flags, mode);                         \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t some = allowed(fd, "write", count);
    return some < 0 ? -1 : REAL(write)(fd, bytes, (size_t)some);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    ssize_t some = allowed(fd, "pwrite", count);
    return some < 0 ? -1 : REAL(pwrite)(fd, bytes, (size_t)some, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    ssize_t some = allowed(fd, "pwrite64", count);
    return some < 0 ? -1 : REAL(pwrite64)(fd, bytes, (size_t)some, offset);
}

int fsync(int fd) {
    FAILS(is_inside_fd(fd), fsync)
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    FAILS(is_inside_fd(fd), fdatasync)
    return REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t length) {
    FAILS(is_inside_fd(fd), ftruncate)
    return REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    FAILS(is_inside_fd(fd), ftruncate64)
    return REAL(ftruncate64)(fd, length);
}

int rename(const char *from, const char *to) {
    FAILS(is_inside(from) || is_inside(to), rename)
    return REAL(rename)(from, to);
}

int unlink(const char *path) {
    FAILS(is_inside(path), unlink)
    return REAL(unlink)(path);
}
