/* SPDX-License-Identifier: MIT
 *
 * Capabilities by their system call: libcap would be one more library. Checked against capabilities(7) and credentials(7): changing all
 * user ids from 0 gives up every capability unless PR_SET_KEEPCAPS is set, and then the effective ones, which capset takes back.
 */
#include "privileges.h"

#include "cells.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who owns nothing, on every distribution of today and in the kernel's own sysctl (overflowuid). Looking for his name would ask
 * libraries, and these perhaps the network. */
enum { NOBODY = 65534 };

static bool read_id(const char *variable, uint64_t *ret)
{
    const char *text = getenv(variable);
    return text && cell_count(text, ret) && *ret && *ret < UINT32_MAX;
}

void privileges_begin(struct privileges *who)
{
    uint64_t user, group;
    *who = (struct privileges){.root = geteuid() == 0, .user = NOBODY, .group = NOBODY};
    if (read_id("SUDO_UID", &user) && read_id("SUDO_GID", &group)) {
        who->sudo = true;
        who->user = (uid_t)user;
        who->group = (gid_t)group;
    }
}

/* The groups of root are not asked for: what they add is read by the power to read. */
void privileges_try(const struct privileges *who, bool on)
{
    if (!who->root)
        return;
    int failed = on ? setegid(who->group) || seteuid(who->user) : seteuid(0) || setegid(0);
    (void)failed; /* then rights are asked for as root, and giving them up fails likewise */
}

/* ---- what has to be possible ---- */

static void stay(struct privileges *who, const char *path)
{
    if (!who->stays[0])
        snprintf(who->stays, sizeof who->stays, "%s", path);
}

static bool may(int folder, const char *name, int how)
{
    return faccessat(folder, name, how, AT_EACCESS) == 0 || errno != EACCES;
}

static void read_in(struct privileges *who, const char *folder)
{
    DIR *listing = opendir(folder);
    who->reads |= !listing;
    for (struct dirent *entry; listing && !who->reads && (entry = readdir(listing));)
        who->reads = !may(dirfd(listing), entry->d_name, R_OK);
    if (listing)
        closedir(listing);
}

void privileges_read(struct privileges *who, const char *path)
{
    struct stat st;
    if (!who->reads)
        who->reads = !may(AT_FDCWD, path, R_OK);
    if (!who->reads && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        read_in(who, path);
}

void privileges_write(struct privileges *who, const char *path, bool results)
{
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (!may(AT_FDCWD, path, folder ? W_OK | X_OK : W_OK) || (folder && results && !who->sudo))
        stay(who, path);
}

static void replace_in(struct privileges *who, const char *folder)
{
    DIR *listing = opendir(folder);
    struct stat st;
    if (!listing)
        stay(who, folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if (strcmp(entry->d_name, "..") != 0 &&
            (fstatat(dirfd(listing), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || st.st_uid != who->user))
            stay(who, folder);
    if (listing)
        closedir(listing);
}

void privileges_replace(struct privileges *who, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        replace_in(who, path);
    else if (lstat(path, &st) == 0 && st.st_uid != who->user)
        stay(who, path);
}

/* ---- giving up ---- */

#define BIT(capability) (UINT32_C(1) << (capability))

/* Of the first 32 capabilities, among which all are that are asked for here. */
static uint32_t capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capget, &head, have) ? 0 : have[0].permitted;
}

static void keep_capabilities(uint32_t wanted)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct keep[_LINUX_CAPABILITY_U32S_3] = {{0}};
    keep[0].permitted = keep[0].effective = capabilities() & wanted;
    syscall(SYS_capset, &head, keep);
}

/* The ids come last: what comes before cannot be done without them. */
static bool become(const struct privileges *who)
{
    if (prctl(PR_SET_KEEPCAPS, who->reads, 0, 0, 0) || setgroups(0, NULL) ||
        setresgid(who->group, who->group, who->group))
        return false;
    if (setresuid(who->user, who->user, who->user) == 0)
        return true;
    int failed = setresgid(0, 0, 0);
    return (void)failed, false;
}

void privileges_lower(struct privileges *who)
{
    static const uint32_t files = BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER);
    if (!who->root)
        return;
    if (who->reads && !(capabilities() & BIT(CAP_DAC_READ_SEARCH))) /* as in many containers */
        stay(who, "an input");
    who->lowered = !who->stays[0] && become(who);
    keep_capabilities(!who->lowered ? files : who->reads ? BIT(CAP_DAC_READ_SEARCH) : 0);
}

void privileges_words(const struct privileges *who, char *text, size_t room)
{
    text[0] = '\0';
    if (who->lowered)
        snprintf(text, room, "root went on as user %lu%s", (unsigned long)who->user,
                 who->reads ? ", who may read what root may" : "");
    else if (who->root)
        snprintf(text, room, "root remains, with power over files alone: %s%s%lu",
                 who->stays[0] ? who->stays : "the system did not let it become",
                 who->stays[0] ? " is not for user " : " user ", (unsigned long)who->user);
}
