/* SPDX-License-Identifier: MIT
 *
 * What a program does that a capture has taken over: loaded into tcpautopsy with LD_PRELOAD, it tries to get out, when the first thread
 * is started (the analysis is about to begin) and when the program ends. Of each try a line goes to the file descriptor INTRUDER_TO:
 *
 *     thread read 13        at the first thread, reading INTRUDER_READ failed with errno 13; 0: it was read
 *
 *     INTRUDER_READ    a file that was not named        INTRUDER_FOLDER  a folder that was not named, with a file "victim"
 *     INTRUDER_PORT    where somebody listens           INTRUDER_INPUT   a file that was named as input
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *given(const char *name)
{
    const char *text = getenv(name);
    return text ? text : "";
}

static int result(int got)
{
    int error = got < 0 ? errno : 0;
    if (got > 2)
        close(got);
    return error;
}

static const char *in_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", given("INTRUDER_FOLDER"), name);
    return path;
}

/* ---- tries: 0 or errno, but of `user` and `powers` a number ---- */

static int try_read(void)
{
    return result(open(given("INTRUDER_READ"), O_RDONLY | O_CLOEXEC));
}

static int try_list(void)
{
    return result(open(given("INTRUDER_FOLDER"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_change(void)
{
    return result(open(given("INTRUDER_INPUT"), O_WRONLY | O_CLOEXEC));
}

static int try_make(void)
{
    return result(open(in_folder("made"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_folder(void)
{
    return result(mkdir(in_folder("folder"), 0700));
}

static int try_link(void)
{
    return result(symlink("victim", in_folder("link")));
}

static int try_remove(void)
{
    return result(unlink(in_folder("victim")));
}

static int try_rights(void)
{
    return result(chmod(in_folder("."), 0755));
}

static int try_tcp(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(given("INTRUDER_PORT")))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error = fd < 0 ? errno : 0;
    if (!error && connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    return error;
}

static int try_socket(void)
{
    return result(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* On no terminal: ENOTTY where it is allowed. */
static int try_type(void)
{
    return result(ioctl(STDERR_FILENO, TIOCSTI, "x"));
}

/* Who it is, and how many capabilities it has left. */
static int try_user(void)
{
    return (int)geteuid();
}

static int try_powers(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &head, data))
        return -1;
    return __builtin_popcount(data[0].permitted) + __builtin_popcount(data[1].permitted);
}

static const struct {
    const char *name;
    int (*run)(void);
} tries[] = {
    {"read", try_read},     {"list", try_list},     {"change", try_change}, {"make", try_make},
    {"folder", try_folder}, {"link", try_link},     {"remove", try_remove}, {"rights", try_rights},
    {"tcp", try_tcp},       {"socket", try_socket}, {"type", try_type},     {"user", try_user},
    {"powers", try_powers},
};

static void try_all(const char *when)
{
    int to = atoi(given("INTRUDER_TO"));
    for (size_t at = 0; to && at < sizeof tries / sizeof *tries; at++) {
        char line[80];
        int length = snprintf(line, sizeof line, "%s %s %d\n", when, tries[at].name, tries[at].run());
        if (write(to, line, (size_t)length) != length)
            _exit(99);
    }
}

/* ---- an older kernel ---- */

/* With INTRUDER_LEVEL, asked for its level Landlock answers that; all else goes to the kernel as it is. */
long syscall(long number, ...)
{
    static long (*call)(long, ...);
    va_list list;
    long argument[6];
    const char *level = getenv("INTRUDER_LEVEL");
    *(void **)&call = dlsym(RTLD_NEXT, "syscall");
    va_start(list, number);
    for (int at = 0; at < 6; at++)
        argument[at] = va_arg(list, long);
    va_end(list);
    if (level && number == SYS_landlock_create_ruleset && !argument[0])
        return atoi(level);
    return call(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

/* ---- moments ---- */

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *user);
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *user)
{
    static int tried; /* threads of others come from the first one on */
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    if (!tried++)
        try_all("thread");
    return create(thread, attr, run, user);
}

__attribute__((destructor)) static void at_end(void)
{
    try_all("end");
}
