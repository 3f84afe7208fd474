/* SPDX-License-Identifier: MIT
 *
 * Files are written beside their place under a temporary name, synced, then renamed: a reader sees the old
 * file or the whole new one, never half a table. The temporary one is locked as long as it is written, so that what a killed
 * run left is known from what is being written (leftover.h).
 */
#include "output.h"

#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LETTERS = 6 };

static bool failure(struct output *out, const char *what)
{
    say_failed(out->path ? out->path : "standard output", what, true);
    output_abort(out);
    return false;
}

static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* As mkostemps, but for writing alone: the sandbox lets nothing be read where results go. `letters` is where the six of them are to
 * stand. */
static int make_named(const char *path, char *letters)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    int fd = -1;
    for (int left = 100; left; left--) {
        unsigned char random[LETTERS];
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return -1;
        for (int at = 0; at < LETTERS; at++)
            letters[at] = alphabet[random[at] % (sizeof alphabet - 1)];
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return fd;
}

/* A new file beside the final one. Before it was locked somebody may have taken it for a leftover, and its name may be gone. Without
 * locks it is ours all the same. */
static int make_locked(const char *path, char *temporary, size_t room)
{
    for (int left = 100; left; left--) {
        struct stat st;
        snprintf(temporary, room, "%s.XXXXXX.tmp", path);
        int fd = make_named(temporary, temporary + strlen(path) + 1);
        bool locked = fd >= 0 && (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK);
        if (fd < 0 || (locked && !fstat(fd, &st) && st.st_nlink))
            return fd;
        close(fd);
    }
    return -1;
}

/* With the rights a plain open would give it. */
static FILE *open_temporary(struct output *out)
{
    size_t room = strlen(out->path) + sizeof ".XXXXXX.tmp";
    out->temporary = malloc(room);
    if (!out->temporary)
        return NULL;
    int fd = make_locked(out->path, out->temporary, room);
    if (fd < 0) {
        free(out->temporary);
        out->temporary = NULL;
        return NULL;
    }
    mode_t mask = umask(0);
    umask(mask);
    FILE *file = fchmod(fd, 0666 & ~mask) == 0 ? fdopen(fd, "w") : NULL;
    if (!file)
        close(fd);
    return file;
}

bool output_open(struct output *out, const char *path)
{
    *out = (struct output){0};
    if (!path || strcmp(path, "-") == 0) {
        out->file = stdout;
        return true;
    }
    out->path = strdup(path);
    if (!out->path)
        return failure(out, "cannot be written");
    out->file = is_special(path) ? fopen(path, "w") : open_temporary(out);
    return out->file ? true : failure(out, "cannot be written");
}

int output_write(void *user, const void *bytes, size_t count)
{
    struct output *out = user;
    if (fwrite(bytes, 1, count, out->file) != count)
        out->failed = true;
    return out->failed;
}

char *output_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

/* The new name is durable once its directory is. */
static void sync_directory(const char *path)
{
    char *directory = output_folder(path);
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(directory);
}

bool output_commit(struct output *out)
{
    if (fflush(out->file) != 0 || out->failed || ferror(out->file))
        return failure(out, "cannot be written");
    if (out->temporary) {
        if (fsync(fileno(out->file)) != 0)
            return failure(out, "cannot be written");
        int closed = fclose(out->file);
        out->file = NULL;
        if (closed != 0 || rename(out->temporary, out->path) != 0)
            return failure(out, "cannot be written");
        sync_directory(out->path);
        free(out->temporary);
        out->temporary = NULL;
    }
    output_abort(out);
    return true;
}

void output_abort(struct output *out)
{
    if (out->file && out->file != stdout)
        fclose(out->file);
    if (out->temporary)
        unlink(out->temporary);
    free(out->temporary);
    free(out->path);
    *out = (struct output){0};
}

/* ---- names ---- */

bool output_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool output_lies_in(const char *path, const char *folder)
{
    char *directory = output_folder(path);
    bool there = directory && output_same_file(directory, folder);
    free(directory);
    return there;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool output_same_place(const char *a, const char *b)
{
    char *directory = output_folder(b);
    bool same = directory && strcmp(last_part(a), last_part(b)) == 0 && output_lies_in(a, directory);
    free(directory);
    return same || output_same_file(a, b);
}
