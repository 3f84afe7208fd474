/* SPDX-License-Identifier: MIT
 *
 * Lists and directories. Of a directory one file is open at a time, and of each its first bytes are read: an archive of many
 * thousand small captures is listed in the time that its directory takes. What comes out of a compressed one is looked at only
 * when somebody asks (tca_inputs_sift), who may want to be careful before anything is unpacked.
 */
#include <tcpautopsy/inputs.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/whole.h"
#include "capture/magic.h"
#include "capture/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEPTH_MAX = 64,     /* folders in folders: more are a loop of mounts, or a trap */
    LIST_MAX = 1 << 28, /* bytes of names */
};

struct named {
    char *name;    /* owned */
    bool doubtful; /* a compressed file out of a directory: of what is not known */
};

struct tca_inputs {
    struct named *list; /* owned */
    size_t count, room;
    uint64_t passed_over;
    char *first_passed; /* owned; NULL: none */
};

int tca_inputs_new(struct tca_inputs **ret_inputs)
{
    *ret_inputs = tca_alloc(sizeof **ret_inputs);
    return *ret_inputs ? TCA_OK : TCA_EMEMORY;
}

void tca_inputs_free(struct tca_inputs *inputs)
{
    if (!inputs)
        return;
    for (size_t at = 0; at < inputs->count; at++)
        tca_free(inputs->list[at].name);
    tca_free(inputs->list);
    tca_free(inputs->first_passed);
    tca_free(inputs);
}

static int add_doubtful(struct tca_inputs *inputs, const char *name, bool doubtful)
{
    struct named *list = tca_room(inputs->list, inputs->count, &inputs->room, sizeof *list);
    if (!list)
        return TCA_EMEMORY;
    inputs->list = list;
    list[inputs->count] = (struct named){tca_strdup(name), doubtful};
    if (!list[inputs->count].name)
        return TCA_EMEMORY;
    inputs->count++;
    return TCA_OK;
}

static int add(struct tca_inputs *inputs, const char *name)
{
    return add_doubtful(inputs, name, false);
}

static int pass_over(struct tca_inputs *inputs, const char *name)
{
    if (!inputs->passed_over++ && !(inputs->first_passed = tca_strdup(name)))
        return TCA_EMEMORY;
    return TCA_OK;
}

/* ---- directories ---- */

/* A compressed file of something else, such as a log. One that cannot be unpacked is an input: reading it will tell why. */
static bool unpacks_to_none(struct tca_stream *stream, const struct tca_magic *magic)
{
    struct tca_expansion usual = {.most = 0};
    struct tca_unpack *unpack = NULL;
    struct tca_member member;
    struct tca_error error;
    if (tca_unpack_open(stream, magic->format, &usual, NULL, &unpack, &error))
        return false;
    bool none = false;
    if (tca_unpack_next(unpack, &member, &error) > 0) {
        const struct tca_stream *inside = member.stream;
        none =
            !member.name && !tca_magic_sniff(member.stream) && !inside->error && inside->end > inside->begin;
        tca_stream_close(member.stream);
    }
    tca_unpack_close(unpack);
    return none;
}

static bool holds_none(const char *path)
{
    struct tca_stream *stream = NULL;
    struct tca_error error;
    if (tca_stream_open(path, NULL, &stream, &error))
        return false;
    const struct tca_magic *magic = tca_magic_sniff(stream);
    bool none = magic && magic->kind == MAGIC_COMPRESSED && unpacks_to_none(stream, magic);
    tca_stream_close(stream);
    return none;
}

/* By its first bytes. What cannot be read is no less an input: reading it will tell why. */
static int add_found(struct tca_inputs *inputs, const char *path)
{
    uint8_t bytes[TCA_MAGIC_BYTES];
    int fd = (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    ssize_t got = fd < 0 ? -1 : tca_read_at(fd, bytes, sizeof bytes, 0);
    if (fd >= 0)
        close(fd);
    const struct tca_magic *magic = got < 0 ? NULL : tca_magic_of(bytes, (size_t)got);
    bool named = tca_magic_is_named_capture(path);
    if (got >= 0 && !magic && !named)
        return pass_over(inputs, path);
    return add_doubtful(inputs, path,
                        magic && magic->kind == MAGIC_COMPRESSED && !named && tca_unpack_is_there());
}

static int compare_entries(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name); /* by bytes, in every locale */
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int walk(struct tca_inputs *inputs, struct tca_buf *path, unsigned depth, struct tca_error *error);

/* A link to a file counts as the file, a link to a directory as nothing. */
static int walk_entry(struct tca_inputs *inputs, struct tca_buf *path, unsigned depth,
                      struct tca_error *error)
{
    struct stat file, link;
    const char *name = tca_buf_text(path);
    if (lstat(name, &link) || stat(name, &file))
        return TCA_OK; /* gone meanwhile, or a link to nothing */
    if (S_ISDIR(link.st_mode))
        return walk(inputs, path, depth + 1, error);
    if (S_ISREG(file.st_mode) && add_found(inputs, name))
        return tca_fail_memory(error);
    return TCA_OK;
}

static int walk_entries(struct tca_inputs *inputs, struct tca_buf *path, struct dirent **entry, int count,
                        unsigned depth, struct tca_error *error)
{
    const size_t length = path->used;
    int code = TCA_OK;
    for (int at = 0; at < count && !code; at++) {
        path->used = length;
        tca_buf_str(path, length && path->bytes[length - 1] == '/' ? "" : "/");
        tca_buf_str(path, entry[at]->d_name);
        code = path->failed ? tca_fail_memory(error) : walk_entry(inputs, path, depth, error);
    }
    path->used = length;
    return code;
}

static int walk(struct tca_inputs *inputs, struct tca_buf *path, unsigned depth, struct tca_error *error)
{
    struct dirent **entry;
    if (depth > DEPTH_MAX)
        return tca_fail(error, TCA_EINPUT, "%.200s: more than %d folders deep: name the folder itself",
                        tca_buf_text(path), DEPTH_MAX);
    int count = scandir(tca_buf_text(path), &entry, is_entry, compare_entries);
    if (count < 0) /* one that may not be looked into is told by reading it, and ends nothing else */
        return add(inputs, tca_buf_text(path)) ? tca_fail_memory(error) : TCA_OK;
    int code = walk_entries(inputs, path, entry, count, depth, error);
    for (int at = 0; at < count; at++)
        free(entry[at]); /* the C library's */
    free(entry);
    return code;
}

static int add_name(struct tca_inputs *inputs, const char *name, bool walks, struct tca_error *error)
{
    struct stat file;
    if (!walks || stat(name, &file) || !S_ISDIR(file.st_mode))
        return add(inputs, name) ? tca_fail_memory(error) : TCA_OK;
    struct tca_buf path = {0};
    tca_buf_str(&path, name);
    int code = path.failed ? tca_fail_memory(error) : walk(inputs, &path, 0, error);
    tca_buf_done(&path);
    return code;
}

/* ---- lists ---- */

static int read_all(FILE *file, struct tca_buf *text)
{
    char block[65536];
    size_t got;
    while (text->used <= LIST_MAX && (got = fread(block, 1, sizeof block, file)) > 0)
        tca_buf_add(text, block, got);
    tca_buf_text(text); /* ends it, so that the last line is a text as well */
    if (text->failed)
        return TCA_EMEMORY;
    return ferror(file) || text->used > LIST_MAX ? TCA_EINPUT : TCA_OK;
}

/* Names end with a line, or with a zero byte where there is one at all: then they may hold anything else. */
static int add_lines(struct tca_inputs *inputs, struct tca_buf *text, bool walks, struct tca_error *error)
{
    char separator = text->used && memchr(text->bytes, '\0', text->used) ? '\0' : '\n';
    char *at = text->bytes, *end = at + text->used; /* which is a byte of it: read_all() ended the text */
    int code = TCA_OK;
    while (at < end && !code) {
        char *stop = memchr(at, separator, (size_t)(end - at));
        stop = stop ? stop : end;
        if (separator && stop > at && stop[-1] == '\r')
            stop[-1] = '\0';
        *stop = '\0';
        if (*at)
            code = add_name(inputs, at, walks, error);
        at = stop + 1;
    }
    return code;
}

static int add_list(struct tca_inputs *inputs, const char *name, bool walks, struct tca_error *error)
{
    bool from_stdin = !strcmp(name, "-");
    FILE *file = from_stdin ? stdin : fopen(name, "re");
    struct tca_buf text = {0};
    if (!file)
        return tca_fail(error, TCA_EINPUT, "list of names '%.200s': %s", name, strerror(errno));
    int code = read_all(file, &text);
    if (code == TCA_EINPUT)
        tca_fail(error, code, "list of names '%.200s': %s", name,
                 text.used > LIST_MAX ? "is longer than 256 MiB, which is no list" : "cannot be read");
    else if (code)
        tca_fail_memory(error);
    else
        code = add_lines(inputs, &text, walks, error);
    if (!from_stdin)
        fclose(file);
    tca_buf_done(&text);
    return code;
}

/* A file that bears such a name is one: a shell's pattern names it, and whoever made it does not choose what is read. */
static bool is_list(const char *name)
{
    struct stat file;
    return name[0] == '@' && lstat(name, &file);
}

int tca_inputs_add(struct tca_inputs *inputs, const char *name, bool walks, struct tca_error *error)
{
    return is_list(name) ? add_list(inputs, name + 1, walks, error) : add_name(inputs, name, walks, error);
}

int tca_inputs_sift(struct tca_inputs *inputs)
{
    size_t kept = 0;
    int error = TCA_OK;
    for (size_t at = 0; at < inputs->count; at++) {
        struct named one = inputs->list[at];
        if (error || !one.doubtful || !holds_none(one.name)) {
            one.doubtful = false;
            inputs->list[kept++] = one;
            continue;
        }
        error = pass_over(inputs, one.name);
        tca_free(one.name);
    }
    inputs->count = kept;
    return error;
}

size_t tca_inputs_count(const struct tca_inputs *inputs)
{
    return inputs->count;
}

const char *tca_inputs_at(const struct tca_inputs *inputs, size_t at)
{
    return inputs->list[at].name;
}

uint64_t tca_inputs_passed_over(const struct tca_inputs *inputs, const char **ret_first)
{
    *ret_first = inputs->first_passed;
    return inputs->passed_over;
}
