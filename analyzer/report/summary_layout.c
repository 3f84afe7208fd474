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

/* ---- how much of each ---- */

enum { COUNT_LINES = 2 }; /* that tell how many blocks are left out */

/* The lines that a block takes in this form. */
static int lines_of_block(const struct page *page, const struct story *story, size_t at, enum form form)
{
    struct page trial = *page;
    trial.out = (struct tca_buf){0};
    trial.lines = 0;
    trial.line_start = 0;
    tca_page_block(&trial, story, &story->block[at], form);
    tca_buf_done(&trial.out);
    return trial.lines;
}

/* The first is what the page is read for: as much of it as leaves a line to each of the next few. What came with it
 * yields to them, all else to one only; of many captures all of it yields, so that the ten worst are there. */
static enum form first_form(const struct page *page, const struct story *story, int room)
{
    enum { NEXT_FEW = 4, CAPTURES_MANY = 10, NEXT_OF_MANY = 9 };
    bool many = story->sum->captures > CAPTURES_MANY;
    size_t others = story->count - 1, next = many ? NEXT_OF_MANY : NEXT_FEW;
    int few = others > next ? (int)next + COUNT_LINES : (int)others;
    if (lines_of_block(page, story, 0, FORM_FULL) + few <= room)
        return FORM_FULL;
    int least = many ? few : others > 0;
    enum form form = FORM_TERSE;
    while (form > FORM_LINE && lines_of_block(page, story, 0, form) + least > room)
        form--;
    return form;
}

/* Give what is left to the blocks that take more than now in this form, gravest first. */
static void widen(const struct page *page, const struct story *story, enum form want, enum form *form,
                  size_t count, int *left)
{
    for (size_t i = 1; i<count && * left> 0; i++) {
        if (form[i] >= want)
            continue;
        int more = lines_of_block(page, story, i, want) - lines_of_block(page, story, i, form[i]);
        if (more > *left)
            continue;
        form[i] = want;
        *left -= more;
    }
}

/* The first block in full, a line for each of the others; then what is left makes these longer: what each means is
 * worth more than all of one. Those for which there is no line are counted. */
static void add_blocks(struct page *page, const struct story *story, int last_line)
{
    enum form form[LINES_MAX];
    size_t count = story->count;
    if (!count)
        return;
    form[0] = first_form(page, story, last_line - page->lines);
    int left = last_line - page->lines - lines_of_block(page, story, 0, form[0]);
    if (count - 1 > (size_t)left) {
        left -= COUNT_LINES;
        count = left > 0 ? 1 + (size_t)left : 1;
    }
    for (size_t i = 1; i < count; i++)
        form[i] = FORM_LINE;
    left -= (int)count - 1;
    for (enum form want = FORM_BRIEF; want <= FORM_FULL; want++)
        widen(page, story, want, form, count, &left);
    for (size_t i = 0; i < count; i++)
        tca_page_block(page, story, &story->block[i], form[i]);
    if (count == story->count)
        return;
    tca_page_count(&page->out, story->count - count, " more kind of trouble: see",
                   " more kinds of trouble: see");
    tca_buf_str(&page->out, " tcpautopsy events");
    tca_page_end_line(page);
    tca_page_command_all(page, "events");
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
