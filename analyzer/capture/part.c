/* SPDX-License-Identifier: MIT
 *
 * Which reader reads what: one table.
 */
#include "capture/part.h"

struct tca_part_calls {
    enum tca_read (*begin)(struct tca_part *part, struct tca_stream *stream, const struct tca_magic *magic);
    enum tca_read (*next)(struct tca_part *part, struct tca_batch *batch);
    void (*done)(struct tca_part *part);
    struct tca_drops (*drops)(const struct tca_part *part);
    const char *(*comment)(const struct tca_part *part);
    bool directions;
};

/* ---- classic ---- */

static enum tca_read classic_begin(struct tca_part *part, struct tca_stream *stream,
                                   const struct tca_magic *magic)
{
    return tca_classic_begin(&part->classic, stream, magic);
}

static enum tca_read classic_next(struct tca_part *part, struct tca_batch *batch)
{
    return tca_classic_next(&part->classic, batch);
}

static void classic_done(struct tca_part *part)
{
    tca_classic_done(&part->classic);
}

static struct tca_drops no_drops(const struct tca_part *part)
{
    (void)part;
    return (struct tca_drops){0};
}

static const char *no_comment(const struct tca_part *part)
{
    (void)part;
    return "";
}

/* ---- pcapng ---- */

static enum tca_read pcapng_begin(struct tca_part *part, struct tca_stream *stream,
                                  const struct tca_magic *magic)
{
    (void)magic;
    return tca_pcapng_begin(&part->pcapng, stream);
}

static enum tca_read pcapng_next(struct tca_part *part, struct tca_batch *batch)
{
    return tca_pcapng_next(&part->pcapng, batch);
}

static void pcapng_done(struct tca_part *part)
{
    tca_pcapng_done(&part->pcapng);
}

static struct tca_drops pcapng_drops(const struct tca_part *part)
{
    return tca_pcapng_drops(&part->pcapng);
}

static const char *pcapng_comment(const struct tca_part *part)
{
    return part->pcapng.comment.text;
}

/* ---- the table ---- */

static const struct tca_part_calls readers[] = {
    [MAGIC_PCAP] = {classic_begin, classic_next, classic_done, no_drops, no_comment, false},
    [MAGIC_PCAPNG] = {pcapng_begin, pcapng_next, pcapng_done, pcapng_drops, pcapng_comment, true},
};

bool tca_part_has_reader(const struct tca_magic *magic)
{
    return magic && magic->kind < sizeof readers / sizeof *readers && readers[magic->kind].begin;
}

enum tca_read tca_part_begin(struct tca_part *part, struct tca_stream *stream, const struct tca_magic *magic)
{
    part->calls = &readers[magic->kind];
    return part->calls->begin(part, stream, magic);
}

enum tca_read tca_part_next(struct tca_part *part, struct tca_batch *batch)
{
    return part->calls->next(part, batch);
}

struct tca_drops tca_part_drops(const struct tca_part *part)
{
    return part->calls->drops(part);
}

const char *tca_part_comment(const struct tca_part *part)
{
    return part->calls->comment(part);
}

bool tca_part_tells_directions(const struct tca_part *part)
{
    return part->calls && part->calls->directions;
}

void tca_part_done(struct tca_part *part)
{
    if (part->calls)
        part->calls->done(part);
    part->calls = NULL;
}
