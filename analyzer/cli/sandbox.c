/* SPDX-License-Identifier: MIT
 *
 * Landlock by its system calls: no C library wraps them. A right that is "handled" is refused everywhere but below what a
 * rule names; what a kernel does not know it must not be asked to handle, so each right stands with the level of the interface that
 * brought it. The numbers are the kernel's and never change, but the header of an older system lacks the newer ones: only the calls'
 * own numbers are taken from there. After landlock(7); tried on Linux 6.18, level 7, and as levels 0 to 6.
 *
 * Not held by it: stat, and what a name looks like; what is open; UDP.
 */
#include "sandbox.h"

#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the kernel's interface ---- */

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL_DEV = 1 << 15,
    FS_FIRST = FS_REFER - 1, /* all those before it */
    FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    NET_BIND_TCP = 1 << 0,
    NET_CONNECT_TCP = 1 << 1,
    SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0,
    SCOPE_SIGNAL = 1 << 1
};
enum { ASK_LEVEL = 1, RULE_PATH_BENEATH = 1, NETWORK_LEVEL = 4 };

struct handled {
    uint64_t fs, net, scoped;
};

struct beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

static const struct {
    int level;
    struct handled brought;
} levels[] = {
    {1, {.fs = FS_FIRST}},     {2, {.fs = FS_REFER}},
    {3, {.fs = FS_TRUNCATE}},  {NETWORK_LEVEL, {.net = NET_BIND_TCP | NET_CONNECT_TCP}},
    {5, {.fs = FS_IOCTL_DEV}}, {6, {.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL}},
};

static struct handled handled_at(int level)
{
    struct handled all = {0};
    for (size_t at = 0; at < sizeof levels / sizeof *levels && levels[at].level <= level; at++) {
        all.fs |= levels[at].brought.fs;
        all.net |= levels[at].brought.net;
        all.scoped |= levels[at].brought.scoped;
    }
    return all;
}

static int create_rules(const struct handled *handled, size_t size, unsigned flags)
{
    return (int)syscall(SYS_landlock_create_ruleset, handled, size, flags);
}

static void add_rule(int rules, const struct beneath *beneath)
{
    syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, beneath, 0);
}

static bool restrict_self(int rules)
{
    return syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

static int level_here(void)
{
    int level = create_rules(NULL, 0, ASK_LEVEL);
    return level < 0 ? 0 : level;
}

/* ---- what is allowed ---- */

/* Sanitizers read about their own process and look for names. */
#ifdef TCA_WATCHED_IN
static void allow_watchers(struct sandbox *box)
{
    sandbox_allow(box, "/proc", SANDBOX_READ);
    sandbox_allow(box, "/usr", SANDBOX_READ);
}
#else
static void allow_watchers(struct sandbox *box)
{
    (void)box;
}
#endif

void sandbox_open(struct sandbox *box)
{
    box->level = level_here();
    struct handled handled = handled_at(box->level);
    box->rules = box->level ? create_rules(&handled, sizeof handled, 0) : -1;
    box->error = box->rules < 0 ? errno : 0;
    allow_watchers(box);
}

/* Nothing is ever read back from where results go, so that those who write there cannot look around; its entries are listed to make
 * names durable. Devices and pipes are named as outputs, too. */
static uint64_t rights_of(unsigned uses)
{
    static const struct {
        unsigned use;
        uint64_t rights;
    } rights[] = {
        {SANDBOX_READ, FS_READ_FILE | FS_READ_DIR},
        {SANDBOX_WRITE,
         FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV | FS_READ_DIR | FS_MAKE_REG | FS_REMOVE_FILE},
        {SANDBOX_FOLDERS, FS_MAKE_DIR | FS_REMOVE_DIR},
        {SANDBOX_GONE, FS_REMOVE_DIR},
        {SANDBOX_NAMELESS, FS_READ_FILE | FS_WRITE_FILE},
        {SANDBOX_NAMED, FS_MAKE_REG | FS_REMOVE_FILE},
    };
    uint64_t all = 0;
    for (size_t at = 0; at < sizeof rights / sizeof *rights; at++)
        if (uses & rights[at].use)
            all |= rights[at].rights;
    return all;
}

void sandbox_allow(struct sandbox *box, const char *path, unsigned uses)
{
    struct stat st;
    int fd = box->rules < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    struct beneath beneath = {.allowed = rights_of(uses) & handled_at(box->level).fs, .parent = fd};
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        beneath.allowed &= FS_OF_FILES;
    if (beneath.allowed)
        add_rule(box->rules,
                 &beneath); /* pipes without a name are refused here, and free to all who have them */
    close(fd);
}

/* ---- closing ---- */

struct sandbox_force sandbox_close(struct sandbox *box)
{
    struct sandbox_force force = {.no_new = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0};
    errno = box->error;
    if (box->rules >= 0 && restrict_self(box->rules))
        force.landlock = box->level;
    else if (box->level)
        force.failed = errno;
    if (force.no_new)
        force.calls = calls_refuse();
    if (box->rules >= 0)
        close(box->rules);
    box->rules = -1;
    return force;
}

struct sandbox_force sandbox_possible(void)
{
    return (struct sandbox_force){.landlock = level_here(), .calls = calls_refusable(), .no_new = true};
}

void sandbox_words(const struct sandbox_force *force, char *text, size_t room)
{
    char files[64] = "no files (this kernel has no Landlock)", calls[64] = "";
    if (force->failed)
        snprintf(files, sizeof files, "no files (Landlock: %s)", strerror(force->failed));
    if (force->landlock)
        snprintf(files, sizeof files, "%s (Landlock %d)",
                 force->landlock < NETWORK_LEVEL ? "files" : "files and TCP", force->landlock);
    if (force->calls)
        snprintf(calls, sizeof calls, ", %u system calls (seccomp)", force->calls);
    snprintf(text, room, "%s%s%s", files, calls, force->no_new ? ", new privileges" : "");
}

/* ---- words for what was refused ---- */

/* Rights are asked for as they count now; Landlock is not asked by it. */
bool sandbox_refuses(const char *path, bool writing)
{
    if (!writing)
        return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    bool may = folder && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
    free(folder);
    return may;
}
