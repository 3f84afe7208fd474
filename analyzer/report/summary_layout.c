/* SPDX-License-Identifier: MIT
 *
 * Which blocks the summary has, in which order, and how much of each finds room.
 */
#include "base/alloc.h"
#include "report/summary_own.h"

#include <stdlib.h>
#include <string.h>

/* ---- in which order ---- */

/* Severity, then count, then time, then where: total, so that the order never depends on the sort. */
static int compare_blocks(const void *left, const void *right)
{
    const struct block *a = left, *b = right;
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    if (a->first_ns != b->first_ns)
        return a->first_ns < b->first_ns ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    if (a->at.capture != b->at.capture)
        return a->at.capture < b->at.capture ? -1 : 1;
    int order = memcmp(a->at.addr, b->at.addr, sizeof a->at.addr);
    return order ? order : (a->at.port > b->at.port) - (a->at.port < b->at.port);
}

static struct block overflow_block(const struct overflow *in)
{
    uint64_t hit = in->flows > in->connections ? in->flows : in->connections;
    return (struct block){.severity = TCA_SEVERITY_HIGH,
                          .count = hit + in->gave_up,
                          .first_ns = in->worst.stall_ns > 0 && in->worst.stall_ns < in->first_ns
                                          ? in->worst.stall_ns
                                          : in->first_ns,
                          .last_ns = in->last_ns,
                          .id = TCA_overflow_interval,
                          .at = in->at,
                          .overflow = in};
}

static struct block incident_block(struct incident *in)
{
    return (struct block){.severity = tca_findings[in->what.id].severity,
                          .count = in->connections > in->what.flows ? in->connections : in->what.flows,
                          .first_ns = in->what.first_ns,
                          .last_ns = in->what.last_ns,
                          .id = (int)in->what.id,
                          .at = in->at,
                          .incident = in};
}

static struct block finding_block(int id, const struct tally *tally)
{
    return (struct block){.severity = tca_findings[id].severity,
                          .count = tally->count,
                          .first_ns = tally->first_ns,
                          .last_ns = tally->last_ns,
                          .id = id,
                          .at = tally->at,
                          .tally = tally};
}

/* Another capture of the same traffic tells it too, from a better place. */
static bool told_elsewhere(const struct tca_summary *sum, const struct incident *in)
{
    for (size_t i = 0; i < sum->incident_count && in->shadowed; i++) {
        const struct incident *other = &sum->incident[i];
        if (!other->shadowed && other->what.id == in->what.id && other->at.port == in->at.port &&
            memcmp(other->at.addr, in->at.addr, sizeof in->at.addr) == 0)
            return true;
    }
    return false;
}

/* Blocks in order; one that is told with a graver one before it is left out. */
static void gather_blocks(struct story *story)
{
    struct tca_summary *sum = story->sum;
    struct block *block = story->block;
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < sum->overflow_count; i++)
        block[count++] = overflow_block(&sum->overflow[i]);
    for (size_t i = 0; i < sum->incident_count; i++)
        if (!told_elsewhere(sum, &sum->incident[i]))
            block[count++] = incident_block(&sum->incident[i]);
    for (int id = 0; id < TCA_FINDING_COUNT; id++)
        for (size_t i = 0; i < sum->kind[id].tally_count; i++)
            block[count++] = finding_block(id, &sum->kind[id].tally[i]);
    qsort(block, count, sizeof *block, compare_blocks);
    for (size_t pass = 0; pass < 2; pass++) /* a queue that overflowed leads, whatever came with it */
        for (size_t lead = 0; lead < count; lead++) {
            bool leads =
                pass ? block[lead].incident && !block[lead].incident->told : block[lead].overflow != NULL;
            for (size_t i = pass ? lead + 1 : 0; i < count && leads; i++)
                if (block[i].incident && tca_told_with(block[i].incident, &block[lead]))
                    block[i].incident->told = true;
        }
    for (size_t i = 0; i < count; i++)
        if (!block[i].incident || (!block[i].incident->told && block[i].severity > TCA_SEVERITY_INFO))
            block[kept++] = block[i];
    story->count = kept;
}

/* ---- onto the page ---- */

/* Append a block in full if `keep` lines remain for those after it; or if there is room in plenty. */
static bool add_if_fits(struct page *page, const struct story *story, const struct block *b, int last_line,
                        size_t keep)
{
    struct page trial = *page;
    trial.out = (struct tca_buf){0};
    trial.line_start = 0;
    tca_page_block(&trial, story, b);
    int left = last_line - trial.lines;
    bool fits = left >= 0 && ((size_t)left >= keep || left >= BLOCK_LINES);
    if (fits) {
        tca_buf_add(&page->out, trial.out.bytes, trial.out.used);
        page->lines = trial.lines;
        page->line_start = (int)page->out.used;
    }
    page->out.failed |= trial.out.failed;
    tca_buf_done(&trial.out);
    return fits;
}

/* Blocks in full while each one left keeps a line, then one line each, then their number. The first is always
 * told in full: it is what the page is read for. */
static void add_blocks(struct page *page, const struct story *story, int last_line)
{
    size_t i = 0, count = story->count;
    struct story terse = *story;
    terse.terse = true;
    for (; i < count; i++) {
        const struct block *b = &story->block[i];
        size_t keep = i ? count - i - 1 : count > 1;
        if (add_if_fits(page, story, b, last_line, keep) || add_if_fits(page, &terse, b, last_line, keep))
            continue;
        int left = last_line - page->lines;
        if (left < 1 || (left == 1 && i + 1 < count))
            break;
        tca_page_short(page, b);
    }
    if (i == count)
        return;
    tca_page_count(&page->out, count - i, " more kind of trouble: ", " more kinds of trouble: ");
    tca_buf_str(&page->out, "see tcpautopsy events");
    tca_page_end_line(page);
}

int tca_page_blocks(struct page *page, struct tca_summary *sum, int last_line, bool *ret_any)
{
    size_t room = OVERFLOWS_MAX + INCIDENTS_MAX + (size_t)TCA_FINDING_COUNT * SERVERS_MAX;
    struct story story = {.sum = sum, .block = tca_alloc(room * sizeof *story.block)};
    *ret_any = false;
    if (!story.block)
        return TCA_EMEMORY;
    gather_blocks(&story);
    *ret_any = story.count > 0;
    add_blocks(page, &story, last_line);
    tca_free(story.block);
    return TCA_OK;
}
