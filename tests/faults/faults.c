/* SPDX-License-Identifier: MIT
 *
 * What fails on a real machine, made to fail on purpose: a library that is loaded before the others (LD_PRELOAD), counts the calls
 * of each kind from main() on, on all threads, and lets one of them fail.
 *
 *      FAULT=alloc:17        the 17th allocation finds no memory, the program's and the libraries' alike
 *      FAULT=read:3          the third read gives EIO
 *      FAULT=end:3           ... the end of the file, as one that was cut while it is read
 *      FAULT=short:0         every read gives a few bytes at a time (N is not counted)
 *      FAULT=again:0         every second read and write gives EINTR first
 *      FAULT=write:5         the fifth write gives ENOSPC (what stdio writes by itself is not seen: full.py fills a real disk)
 *      FAULT=sync:1, rename:1, temp:1, thread:1       fsync EIO, rename EIO, a new file, with a name or without, ENOSPC, thread EAGAIN
 *      FAULT=int:9, term:9, kill:9                    that signal arrives at the ninth call of any kind
 *      FAULT_COUNT=FILE      how many there were of each kind, a line each, for whoever wants to try all of them
 *      FAULT_FROM=1          not that call alone, but all from it on: memory stays out, the disk stays full
 */
#undef _FILE_OFFSET_BITS /* here read at a place and its form for large files are two functions */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { ALLOC, READ, END, SHORT, AGAIN, WRITE, SYNC, RENAME, TEMP, THREAD, INT, TERM, KILL, KINDS };

static const char *const name[KINDS] = {"alloc",  "read", "end",    "short", "again", "write", "sync",
                                        "rename", "temp", "thread", "int",   "term",  "kill"};

static struct {
    _Atomic bool on; /* within main() */
    int kind;        /* KINDS: none fails */
    unsigned long at;
    bool from;
    _Atomic unsigned long count[KINDS];
} fault = {.kind = KINDS};

/* A call of this kind: does it fail? */
static bool fails(enum kind kind)
{
    if (!fault.on)
        return false;
    unsigned long number = ++fault.count[kind];
    return (int)kind == fault.kind && (number == fault.at || (fault.from && number > fault.at));
}

/* Some call: a signal may arrive at it. */
static void call(void)
{
    static const int sign[] = {SIGINT, SIGTERM, SIGKILL};
    for (int kind = INT; kind <= KILL; kind++)
        if (fails((enum kind)kind))
            kill(getpid(), sign[kind - INT]);
}

static bool interrupts(void)
{
    return fault.kind == AGAIN && fault.on && ++fault.count[AGAIN] % 2;
}

/* ---- main ---- */

static int (*real_main)(int, char **, char **);

static void choose(void)
{
    const char *text = getenv("FAULT");
    const char *colon = text ? strchr(text, ':') : NULL;
    for (int kind = 0; colon && kind < KINDS; kind++)
        if (strlen(name[kind]) == (size_t)(colon - text) &&
            !strncmp(name[kind], text, (size_t)(colon - text)))
            fault.kind = kind;
    if (colon && fault.kind == KINDS)
        _exit(99); /* a slip in the test must not look like a pass */
    fault.at = colon ? strtoul(colon + 1, NULL, 10) : 0;
    fault.from = getenv("FAULT_FROM") != NULL;
}

/* Opened before main(): the program may not write there. */
static int open_counts(void)
{
    const char *path = getenv("FAULT_COUNT");
    return path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
}

static void tell_counts(int file)
{
    fault.on = false;
    for (int kind = 0; file >= 0 && kind < KINDS; kind++)
        dprintf(file, "%s %lu\n", name[kind], fault.count[kind]);
    if (file >= 0)
        close(file);
}

static int main_with_faults(int argc, char **argv, char **environment)
{
    choose();
    int file = open_counts();
    fault.on = true;
    int code = real_main(argc, argv, environment);
    tell_counts(file);
    return code;
}

int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void),
                void *);
    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = start;
    return next(main_with_faults, argc, argv, init, fini, rtld_fini, stack_end);
}

/* ---- memory ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool no_memory(void)
{
    call();
    if (!fails(ALLOC))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return no_memory() ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return no_memory() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    void *memory = no_memory() ? NULL : __libc_memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *ret = memory;
    return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *user)
{
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    call();
    return fails(THREAD) ? EAGAIN : next(thread, attributes, start, user);
}

/* ---- reading ---- */

enum { FEW = 3 };

/* 0: go on, with *size; 1: the end; -1: errno. */
static int reading(size_t *size)
{
    call();
    if (interrupts()) {
        errno = EINTR;
        return -1;
    }
    if (fails(READ)) {
        errno = EIO;
        return -1;
    }
    if (fails(END))
        return 1;
    if (fault.kind == SHORT && fault.on && *size > FEW)
        *size = FEW;
    return 0;
}

ssize_t read(int file, void *bytes, size_t size)
{
    ssize_t (*next)(int, void *, size_t);
    *(void **)&next = dlsym(RTLD_NEXT, "read");
    int how = reading(&size);
    return how ? (how < 0 ? -1 : 0) : next(file, bytes, size);
}

static ssize_t read_at(int file, void *bytes, size_t size, off_t at)
{
    ssize_t (*next)(int, void *, size_t, off_t);
    *(void **)&next = dlsym(RTLD_NEXT, "pread64");
    int how = reading(&size);
    return how ? (how < 0 ? -1 : 0) : next(file, bytes, size, at);
}

ssize_t pread(int file, void *bytes, size_t size, off_t at)
{
    return read_at(file, bytes, size, at);
}

ssize_t pread64(int file, void *bytes, size_t size, off_t at);
ssize_t pread64(int file, void *bytes, size_t size, off_t at)
{
    return read_at(file, bytes, size, at);
}

/* ---- writing ---- */

static bool no_room(void)
{
    call();
    if (interrupts()) {
        errno = EINTR;
        return true;
    }
    if (!fails(WRITE))
        return false;
    errno = ENOSPC;
    return true;
}

ssize_t write(int file, const void *bytes, size_t size)
{
    ssize_t (*next)(int, const void *, size_t);
    *(void **)&next = dlsym(RTLD_NEXT, "write");
    return file != 2 && no_room() ? -1 : next(file, bytes, size);
}

static ssize_t write_at(int file, const void *bytes, size_t size, off_t at)
{
    ssize_t (*next)(int, const void *, size_t, off_t);
    *(void **)&next = dlsym(RTLD_NEXT, "pwrite64");
    return no_room() ? -1 : next(file, bytes, size, at);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at)
{
    return write_at(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t at);
ssize_t pwrite64(int file, const void *bytes, size_t size, off_t at)
{
    return write_at(file, bytes, size, at);
}

static ssize_t write_pieces(int file, const struct iovec *piece, int count, off_t at)
{
    ssize_t (*next)(int, const struct iovec *, int, off_t);
    *(void **)&next = dlsym(RTLD_NEXT, "pwritev64");
    return no_room() ? -1 : next(file, piece, count, at);
}

ssize_t pwritev(int file, const struct iovec *piece, int count, off_t at)
{
    return write_pieces(file, piece, count, at);
}

ssize_t pwritev64(int file, const struct iovec *piece, int count, off_t at);
ssize_t pwritev64(int file, const struct iovec *piece, int count, off_t at)
{
    return write_pieces(file, piece, count, at);
}

/* ---- files ---- */

int fsync(int file)
{
    int (*next)(int);
    *(void **)&next = dlsym(RTLD_NEXT, "fsync");
    call();
    if (!fails(SYNC))
        return next(file);
    errno = EIO;
    return -1;
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *);
    *(void **)&next = dlsym(RTLD_NEXT, "rename");
    call();
    if (!fails(RENAME))
        return next(from, to);
    errno = EIO;
    return -1;
}

static bool no_file(void)
{
    call();
    if (!fails(TEMP))
        return false;
    errno = ENOSPC;
    return true;
}

static bool makes(int flags)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

static int open_file(const char *path, int flags, mode_t mode)
{
    int (*next)(const char *, int, ...);
    *(void **)&next = dlsym(RTLD_NEXT, "open64");
    return makes(flags) && no_file() ? -1 : next(path, flags, mode);
}

static mode_t mode_of(int flags, va_list more)
{
    return makes(flags) ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...);
int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_file(path, flags, mode);
}

int mkostemp(char *path, int flags)
{
    int (*next)(char *, int);
    *(void **)&next = dlsym(RTLD_NEXT, "mkostemp64");
    return no_file() ? -1 : next(path, flags);
}

int mkostemp64(char *path, int flags);
int mkostemp64(char *path, int flags)
{
    return mkostemp(path, flags);
}

int mkostemps(char *path, int suffix, int flags)
{
    int (*next)(char *, int, int);
    *(void **)&next = dlsym(RTLD_NEXT, "mkostemps64");
    return no_file() ? -1 : next(path, suffix, flags);
}

int mkostemps64(char *path, int suffix, int flags);
int mkostemps64(char *path, int suffix, int flags)
{
    return mkostemps(path, suffix, flags);
}
