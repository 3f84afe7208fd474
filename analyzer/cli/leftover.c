/* SPDX-License-Identifier: MIT
 *
 * A temporary file whose lock is free has no writer any more. That holds where all who write there see one another's locks: on a
 * file system of this machine. On others (NFS mounted with `nolock`, Lustre with `localflock`) a lock may be granted though another
 * machine has it, so what is there must not have been written to for an hour as well: who writes a part or a table writes all the
 * time, and has done with it then.
 */
#include "leftover.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { RANDOM = 6, QUIET_S = 3600 };

static const char ending[] = ".tmp";

/* "flows.csv" of "flows.csv.Ab12Cd.tmp". */
static bool is_temporary(const char *name, char stem[256])
{
    const size_t tail = 1 + RANDOM + sizeof ending - 1;
    size_t length = strlen(name);
    if (length <= tail || length - tail >= 256 || strcmp(name + length - (sizeof ending - 1), ending) != 0)
        return false;
    const char *at = name + length - tail;
    if (*at++ != '.')
        return false;
    for (int i = 0; i < RANDOM; i++)
        if (!isalnum((unsigned char)at[i]))
            return false;
    memcpy(stem, name, length - tail);
    stem[length - tail] = '\0';
    return true;
}

/* Of those in linux/magic.h, and of OpenZFS and bcachefs: nobody but this kernel writes there. */
static bool is_local(int file)
{
    static const unsigned long types[] = {
        0xef53,     /* ext2, ext3, ext4 */
        0x58465342, /* xfs */
        0x9123683e, /* btrfs */
        0x01021994, /* tmpfs */
        0x794c7630, /* overlay */
        0xf2f52010, /* f2fs */
        0x2fc12fc1, /* zfs */
        0xca451a4e, /* bcachefs */
    };
    struct statfs fs;
    if (fstatfs(file, &fs))
        return false;
    for (size_t at = 0; at < sizeof types / sizeof *types; at++)
        if ((unsigned long)fs.f_type == types[at])
            return true;
    return false;
}

static bool is_abandoned(int file)
{
    struct stat st;
    if (fstat(file, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1 || flock(file, LOCK_EX | LOCK_NB))
        return false;
    return is_local(file) || st.st_mtime + QUIET_S < time(NULL);
}

/* Open for writing, since a lock over NFS asks for that. The lock is ours until the name is gone. */
static void remove_abandoned(int folder, const char *name)
{
    int file = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0)
        return;
    if (is_abandoned(file))
        unlinkat(folder, name, 0);
    close(file);
}

void leftover_remove(const char *folder, leftover_ours_fn *is_ours, const void *user)
{
    char stem[256];
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if (is_temporary(entry->d_name, stem) && is_ours(user, stem))
            remove_abandoned(dirfd(listing), entry->d_name);
    if (listing)
        closedir(listing);
}
