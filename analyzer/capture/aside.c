/* SPDX-License-Identifier: MIT
 *
 * Written by place, at the file's end; what stands before is never changed, so that readers need not know of the writer.
 */
#include "capture/aside.h"

#include "base/alloc.h"
#include "base/extsort.h"
#include "base/fail.h"
#include "base/whole.h"
#include "capture/unpack.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void tca_aside_init(struct tca_aside *aside, const char *temp_dir)
{
    *aside = (struct tca_aside){.temp_dir = temp_dir};
}

void tca_aside_done(struct tca_aside *aside)
{
    if (aside->is_open)
        close(aside->fd);
    aside->is_open = false;
}

static int open_file(struct tca_aside *aside, struct tca_error *err)
{
    int code = aside->is_open ? TCA_OK : tca_temp_file(aside->temp_dir, &aside->fd);
    aside->is_open |= !code;
    if (code == TCA_EMEMORY)
        return tca_fail_memory(err);
    return code ? tca_fail(err, code, "temporary file: cannot be made: %s", strerror(errno)) : TCA_OK;
}

static int write_all(struct tca_aside *aside, const uint8_t *bytes, size_t count, struct tca_error *err)
{
    if (tca_write_at(aside->fd, bytes, count, aside->bytes))
        return tca_fail(err, TCA_EOUTPUT,
                        "temporary file: cannot be written: %s: --temp-dir names another place",
                        strerror(errno));
    aside->bytes += count;
    return TCA_OK;
}

/* How it ended, for whoever reads the section; `words` are gone with the member. */
static int note_end(struct tca_section *section, const char *words, struct tca_error *err)
{
    section->words = words ? tca_strdup(words) : NULL;
    return words && !section->words ? tca_fail_memory(err) : TCA_OK;
}

int tca_aside_put(struct tca_aside *aside, struct tca_stream *stream, struct tca_section *ret_section,
                  struct tca_error *err)
{
    int code = open_file(aside, err);
    struct tca_section section = {.fd = aside->fd, .at = aside->bytes};
    const uint8_t *first;
    uint8_t *ahead;
    while (!code && tca_stream_peek(stream, 1, &first)) {
        size_t there = tca_stream_ahead(stream, &ahead);
        code = write_all(aside, ahead, there, err);
        tca_stream_skip(stream, there);
    }
    if (code)
        return code;
    section.size = aside->bytes - section.at;
    section.error = stream->error;
    section.cut = stream->cut;
    *ret_section = section;
    return note_end(ret_section, stream->words, err);
}

/* Bytes that its stream has not read yet. */
static int write_unread(struct tca_aside *aside, struct tca_stream *member, struct tca_section *section,
                        const char **ret_words, struct tca_error *err)
{
    enum { BLOCK = 128 * 1024 };
    uint8_t *block = tca_grow(NULL, BLOCK, 1);
    int code = block ? TCA_OK : tca_fail_memory(err);
    size_t got;
    while (!code && (got = tca_unpack_read(member->unpack, block, BLOCK, &section->error, &section->cut,
                                           ret_words)) > 0)
        code = write_all(aside, block, got, err);
    tca_free(block);
    return code;
}

static int go_on_aside(struct tca_aside *aside, struct tca_stream *member, struct tca_section *section,
                       const char **ret_words, struct tca_error *err)
{
    int code = open_file(aside, err);
    section->fd = aside->fd;
    section->at = aside->bytes;
    if (!code)
        code = write_unread(aside, member, section, ret_words, err);
    section->size = aside->bytes - section->at;
    return code;
}

int tca_aside_rest(struct tca_aside *aside, struct tca_stream *member, struct tca_error *err)
{
    struct tca_section section = {0};
    const char *words = member->words;
    int code = member->ended ? TCA_OK : go_on_aside(aside, member, &section, &words, err);
    if (!code)
        code = note_end(&section, words, err);
    if (!code)
        tca_stream_go_on(member, &section);
    return code;
}
