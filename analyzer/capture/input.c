/* SPDX-License-Identifier: MIT
 *
 * A stack of what is being unpacked, the outermost first. Each has a thread, so of what is compressed twice both are undone side
 * by side.
 */
#include "capture/input.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/stop.h"
#include "capture/magic.h"
#include "capture/stream.h"
#include "capture/unpack.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct level {
    struct tca_stream *stream; /* owned: what is packed */
    struct tca_unpack *unpack; /* owned */
    const char *format;        /* static */
    size_t named;              /* length of its name */
    uint64_t members;
};

struct tca_input {
    struct tca_expansion limit[TCA_INPUT_DEPTH]; /* of each depth */
    const volatile sig_atomic_t *stop;           /* borrowed, may be NULL */
    struct tca_stream *whole;                    /* owned: the file, before anybody has looked at it */
    struct level level[TCA_INPUT_DEPTH];
    unsigned depth;
    struct tca_buf name;    /* of what was met last */
    char *only;             /* owned: the name of the one that is wanted; NULL: all are */
    bool told;              /* that there is none, or why it cannot be read */
    uint64_t captures;      /* handed out */
    uint64_t passed_over;   /* members that are no captures */
    char first_passed[200]; /* one of them */
};

size_t tca_input_archive(const char *path)
{
    struct tca_buf name = {0};
    struct stat st;
    size_t found = 0;
    for (const char *at = path + strlen(path); !found && at > path; at--) {
        name.used = 0;
        tca_buf_add(&name, path, (size_t)(at - path));
        if (*at == '/' && !stat(tca_buf_text(&name), &st) && S_ISREG(st.st_mode))
            found = (size_t)(at - path);
    }
    found = name.failed ? 0 : found;
    tca_buf_done(&name);
    return found;
}

/* The file of this path; of ARCHIVE/MEMBER the archive, of which that member alone is wanted. */
static int open_whole(struct tca_input *input, const char *path, struct tca_error *err)
{
    int code = tca_stream_open(path, input->stop, &input->whole, err);
    size_t archive = code == TCA_EINPUT ? tca_input_archive(path) : 0;
    tca_buf_add(&input->name, path, archive ? archive : strlen(path));
    if (!archive)
        return code;
    input->only = tca_strdup(path);
    if (!input->only)
        return tca_fail_memory(err);
    return tca_stream_open(tca_buf_text(&input->name), input->stop, &input->whole, err);
}

int tca_input_open(const char *path, uint64_t max_expanded, const volatile sig_atomic_t *stop,
                   struct tca_input **ret, struct tca_error *err)
{
    struct tca_input *input = tca_alloc(sizeof *input);
    if (!input)
        return tca_fail_memory(err);
    for (unsigned depth = 0; depth < TCA_INPUT_DEPTH; depth++)
        input->limit[depth].most = max_expanded;
    input->stop = stop;
    int code = open_whole(input, path, err);
    if (!code && input->name.failed)
        code = tca_fail_memory(err);
    if (code) {
        tca_input_close(input);
        return code;
    }
    *ret = input;
    return TCA_OK;
}

static void leave_level(struct tca_input *input)
{
    struct level *level = &input->level[--input->depth];
    tca_unpack_close(level->unpack);
    tca_stream_close(level->stream);
}

void tca_input_close(struct tca_input *input)
{
    if (!input)
        return;
    while (input->depth)
        leave_level(input);
    tca_stream_close(input->whole);
    tca_buf_done(&input->name);
    tca_free(input->only);
    tca_free(input);
}

/* ---- what a stream is ---- */

static int enter_level(struct tca_input *input, struct tca_stream *stream, const char *format,
                       struct tca_error *err)
{
    struct level *level = &input->level[input->depth];
    *level = (struct level){.stream = stream, .format = format, .named = input->name.used};
    struct tca_expansion *limit = &input->limit[input->depth];
    limit->outermost = input->depth ? input->level[0].unpack : NULL;
    int code = tca_unpack_open(stream, format, limit, input->stop, &level->unpack, err);
    if (code)
        tca_stream_close(stream);
    else
        input->depth++;
    return code;
}

/* ---- members ---- */

static bool is_stopped(const struct tca_input *input)
{
    return tca_is_stopped(input->stop);
}

static bool set_name(struct tca_input *input, const struct level *level, const char *member)
{
    input->name.used = level->named;
    if (member) {
        tca_buf_str(&input->name, "/");
        tca_buf_str(&input->name, member);
    }
    return !input->name.failed;
}

static void pass_over(struct tca_input *input, struct tca_stream *stream)
{
    if (!input->passed_over++)
        snprintf(input->first_passed, sizeof input->first_passed, "%s", tca_buf_text(&input->name));
    tca_stream_close(stream);
}

/* Nothing more comes of the newest level. 1: its outer one goes on; negative: what is to be told of it. */
static int end_level(struct tca_input *input, int code, struct tca_error *err)
{
    struct level level = input->level[input->depth - 1];
    char why[sizeof err->text];
    snprintf(why, sizeof why, "%s", err->text);
    leave_level(input);
    set_name(input, &level, NULL);
    if (code == TCA_EMEMORY)
        return code;
    if (is_stopped(input)) /* whatever it says, it was not asked to its end */
        return 1;
    if (code)
        return tca_fail(err, code, "%s: %.300s%s", level.format, why,
                        level.members ? "; what stands before that was read" : "");
    if (!level.members)
        return tca_fail(err, TCA_EINPUT, "%s: nothing is in it: capture again", level.format);
    return 1;
}

/* What was met last is what is wanted, or holds it if it is packed. */
static bool is_wanted(struct tca_input *input, bool packed)
{
    const char *name = tca_buf_text(&input->name);
    size_t length = strlen(name);
    if (!input->only || !strcmp(input->only, name))
        return true;
    return packed && !strncmp(input->only, name, length) && input->only[length] == '/';
}

/* 1: a capture; 0: none, but go on; negative as tca_input_next(). */
static int take_member(struct tca_input *input, struct level *level, const struct tca_member *member,
                       struct tca_stream **ret, struct tca_error *err)
{
    level->members++;
    if (!set_name(input, level, member->name)) {
        tca_stream_close(member->stream);
        return tca_fail_memory(err);
    }
    const struct tca_magic *magic = tca_magic_sniff(member->stream);
    if (!is_wanted(input, tca_magic_is_packed(magic))) {
        tca_stream_close(member->stream);
        return 0;
    }
    if (tca_magic_is_packed(magic) && input->depth == TCA_INPUT_DEPTH) {
        tca_stream_close(member->stream);
        return tca_fail(
            err, TCA_EUNSUPPORTED,
            "%s in %d layers of archives and compression, and deeper is not looked: unpack the outer ones",
            magic->format, TCA_INPUT_DEPTH);
    }
    if (tca_magic_is_packed(magic))
        return enter_level(input, member->stream, magic->format, err);
    if (!magic && member->name && !member->stream->error && !tca_magic_is_named_capture(member->name)) {
        pass_over(input, member->stream);
        return 0;
    }
    *ret = member->stream;
    return 1;
}

static int next_member(struct tca_input *input, struct tca_stream **ret, struct tca_error *err)
{
    struct level *level = &input->level[input->depth - 1];
    struct tca_member member;
    err->text[0] = '\0';
    int got = tca_unpack_next(level->unpack, &member, err);
    if (got > 0)
        return take_member(input, level, &member, ret, err);
    int ended = end_level(input, got, err);
    return ended > 0 ? 0 : ended;
}

/* Once, or whoever asks on would never be done. */
static int tell_absent(struct tca_input *input, struct tca_error *err)
{
    if (input->captures || input->told || is_stopped(input))
        return 0;
    input->told = true;
    return tca_fail(err, TCA_EINPUT, "no such capture is in it: name the archive alone to read all that are");
}

/* What is to be said once all of it was seen. */
static int tell_passed_over(struct tca_input *input, struct tca_error *err)
{
    unsigned long long count = input->passed_over;
    bool one = count == 1;
    input->passed_over = 0;
    *err = (struct tca_error){.offset = -1};
    if (input->only)
        return tell_absent(input, err);
    if (!count)
        return 0;
    if (!input->captures)
        return tca_fail(err, TCA_EINPUT, "no capture is in it: %llu member%s of other kinds, the first is %s",
                        count, one ? "" : "s", input->first_passed);
    snprintf(err->text, sizeof err->text, "%llu member%s no capture%s and passed over, the first is %s",
             count, one ? " is" : "s are", one ? "" : "s", input->first_passed);
    return 0;
}

/* The file itself: 1, or 0 where it was entered. */
static int take_whole(struct tca_input *input, struct tca_stream **ret, struct tca_error *err)
{
    struct tca_stream *whole = input->whole;
    const struct tca_magic *magic = tca_magic_sniff(whole);
    input->whole = NULL;
    if (tca_magic_is_packed(magic) && tca_unpack_is_there())
        return enter_level(input, whole, magic->format, err);
    if (input->only && !tca_magic_is_packed(magic)) {
        tca_stream_close(whole);
        return 0;
    }
    *ret = whole; /* where nothing can be unpacked reading it tells so */
    return 1;
}

int tca_input_next_stream(struct tca_input *input, struct tca_stream **ret, const char **ret_name,
                          struct tca_error *err)
{
    int got = input->whole ? take_whole(input, ret, err) : 0;
    while (!got && input->depth && !is_stopped(input))
        got = next_member(input, ret, err);
    /* A member that is wanted, of an archive that is handed out as it is, bears the words of that. */
    const bool unopened = got > 0 && !input->depth;
    *ret_name = input->only && (!got || unopened) ? input->only : tca_buf_text(&input->name);
    input->captures += got > 0;
    input->told |= got < 0;
    if (got)
        return got;
    return tell_passed_over(input, err);
}

int tca_input_next(struct tca_input *input, const struct tca_source_settings *set, struct tca_source **ret,
                   const char **ret_name, struct tca_error *err)
{
    struct tca_stream *stream = NULL;
    int got = tca_input_next_stream(input, &stream, ret_name, err);
    int code = got > 0 ? tca_source_take(stream, set, ret, err) : got;
    return code || !got ? code : 1;
}

const char *tca_input_library(void)
{
    return tca_unpack_is_there() ? tca_unpack_library() : NULL;
}
