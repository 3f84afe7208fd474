/* SPDX-License-Identifier: MIT
 *
 * Files are written beside their place under a temporary name, synced, then renamed: a reader sees the old
 * file or the whole new one, never half a table. The temporary one is locked as long as it is written, so that what a killed
 * run left is known from what is being written (leftover.h).
 */
#include "output.h"

#include "say.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
        if (TEMP_FAILURE_RETRY(getrandom(random, sizeof random, 0)) != (ssize_t)sizeof random)
            return -1;
        for (int at = 0; at < LETTERS; at++)
            letters[at] = alphabet[random[at] % (sizeof alphabet - 1)];
        fd = (int)TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
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
        bool locked = fd >= 0 && (!TEMP_FAILURE_RETRY(flock(fd, LOCK_EX | LOCK_NB)) || errno != EWOULDBLOCK);
        if (fd < 0 || (locked && !fstat(fd, &st) && st.st_nlink))
            return fd;
        close(fd);
    }
    return -1;
}

/* A signal is no reason for half a table: stdio itself would take an interrupted write for a failure. */
static ssize_t write_all(void *cookie, const char *bytes, size_t count)
{
    const struct output *out = cookie;
    for (size_t done = 0; done < count;) {
        ssize_t more = TEMP_FAILURE_RETRY(write(out->fd, bytes + done, count - done));
        if (more < 0)
            return 0;
        done += (size_t)more;
    }
    return (ssize_t)count;
}

static int close_file(void *cookie)
{
    const struct output *out = cookie;
    return close(out->fd) && errno != EINTR ? -1 : 0; /* interrupted, it is closed all the same */
}

static FILE *stream_of(struct output *out, int fd)
{
    static const cookie_io_functions_t functions = {.write = write_all, .close = close_file};
    out->fd = fd;
    return fopencookie(out, "w", functions);
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
    FILE *file = fchmod(fd, 0666 & ~mask) == 0 ? stream_of(out, fd) : NULL;
    if (!file)
        close(fd);
    return file;
}

/* A pipe waits for its reader. So do we, but not deaf to signals, as open() would be that is begun anew after each. */
static FILE *open_special(struct output *out)
{
    enum { LOOK_UP_MS = 50 };
    int fd;
    while ((fd = open(out->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)) < 0 && errno == ENXIO && !signals_any())
        poll(NULL, 0, LOOK_UP_MS);
    if (signals_any())
        errno = EINTR;
    if (fd < 0)
        return NULL;
    FILE *file = fcntl(fd, F_SETFL, 0) ? NULL : stream_of(out, fd);
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
    out->file = is_special(path) ? open_special(out) : open_temporary(out);
    return out->file ? true : failure(out, "cannot be written");
}

static void fail_to_write(struct output *out)
{
    if (out->file == stdout)
        signals_end_by_pipe();
    out->failed = true;
}

int output_write(void *user, const void *bytes, size_t count)
{
    struct output *out = user;
    if (fwrite(bytes, 1, count, out->file) != count)
        fail_to_write(out);
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
        (void)TEMP_FAILURE_RETRY(fsync(fd));
        close(fd);
    }
    free(directory);
}

bool output_commit(struct output *out)
{
    if (fflush(out->file) != 0)
        fail_to_write(out);
    if (out->failed || ferror(out->file))
        return failure(out, "cannot be written");
    if (out->temporary) {
        if (TEMP_FAILURE_RETRY(fsync(out->fd)) != 0)
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
