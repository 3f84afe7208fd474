/* SPDX-License-Identifier: MIT
 *
 * Blocks of the summary: what happened, gravest first. A block answers, in this order: what and where, since when until
 * when, to whom, why, what to change, where to look.
 *
 * An incident at the same listener and time as a graver one is told in its block: a crowd, or SYN cookies, beside the
 * queue that overflowed under them.
 */
#include "base/alloc.h"
#include "report/summary_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t TOGETHER_NS = 1000000000; /* incidents no farther apart belong together */

struct block {
    enum tca_severity severity;
    uint64_t count;
    int64_t first_ns, last_ns;
    int id;                    /* finding */
    struct place at;           /* for the order */
    const struct tally *tally; /* one of these three */
    const struct overflow *overflow;
    struct incident *incident;
};

/* All that is written, and what may be told together. */
struct story {
    struct tca_summary *sum;
    struct block *block;
    size_t count;
    bool terse; /* what came with a block finds no room */
};

static const char *sign(enum tca_severity severity)
{
    static const char *const text[] = {[TCA_SEVERITY_INFO] = "  ",
                                       [TCA_SEVERITY_LOW] = ". ",
                                       [TCA_SEVERITY_MEDIUM] = "! ",
                                       [TCA_SEVERITY_HIGH] = "!!"};
    return text[severity];
}

static void add_place(struct tca_buf *out, const struct place *at)
{
    tca_text_endpoint(out, at->addr, at->family, at->port);
}

static void add_text(struct page *page, const char *head, struct tca_buf *text)
{
    tca_page_wrapped(page, head, tca_buf_text(text));
    page->out.failed |= text->failed;
    tca_buf_done(text);
}

static void add_clients(struct tca_buf *out, const struct clients *clients)
{
    if (clients->more)
        tca_buf_str(out, "more than ");
    tca_page_count(out, clients->count, " client", " clients");
}

/* ---- an accept queue that was full ---- */

static void add_overflow_head(struct page *page, const struct overflow *in)
{
    struct tca_buf *out = &page->out;
    tca_buf_fmt(out, "%s ", sign(TCA_SEVERITY_HIGH));
    add_place(out, &in->at);
    tca_buf_str(out, " accept queue full");
    if (in->episodes > 1)
        tca_buf_fmt(out, " %u times", (unsigned)in->episodes);
    if (in->worst.confidence)
        tca_buf_fmt(out, " (%s)", tca_confidence_name((enum tca_confidence)in->worst.confidence));
}

static void add_frames(struct tca_buf *text, uint64_t first, uint64_t last)
{
    if (first == last)
        tca_buf_fmt(text, ", frame %llu", (unsigned long long)first);
    else
        tca_buf_fmt(text, ", frames %llu to %llu", (unsigned long long)first, (unsigned long long)last);
}

static void add_overflow_span(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    tca_page_span(page, &text, in->first_ns, in->last_ns);
    if (in->episodes > 1) {
        tca_buf_str(&text, ", full for ");
        tca_buf_seconds(&text, in->full_ns, 3);
        tca_buf_str(&text, " s of it");
    }
    if (in->open_end)
        tca_buf_str(&text, ", still full when the capture ended");
    add_frames(&text, in->first_frame, in->last_frame);
    add_text(page, "   since ", &text);
}

/* One more of a list in brackets, unless it is none. */
static void add_number(struct tca_buf *text, uint64_t count, const char *one, const char *many)
{
    if (!count)
        return;
    tca_buf_str(text, text->used ? ", " : "");
    tca_page_count(text, count, one, many);
}

static void add_hit(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0}, how = {0};
    tca_page_count(&text, in->flows + in->waited, " connection", " connections");
    tca_buf_str(&text, " of ");
    if (in->episodes == 1 && !in->waited) /* clients of several episodes may be the same ones */
        tca_page_count(&text, in->worst.clients, " client", " clients");
    else
        add_clients(&text, &in->clients);
    add_number(&how, in->drops, " SYN dropped", " SYNs dropped");
    add_number(&how, in->ignored, " ACK ignored", " ACKs ignored");
    add_number(&how, in->aborted, " reset (tcp_abort_on_overflow)", " reset (tcp_abort_on_overflow)");
    if (in->waited)
        tca_buf_fmt(&text, ": %llu waited in vain, %llu turned away (%s%s)", (unsigned long long)in->waited,
                    (unsigned long long)in->flows, in->about ? "about " : "", tca_buf_text(&how));
    else
        tca_buf_fmt(&text, " turned away: %s%s", in->about ? "about " : "", tca_buf_text(&how));
    text.failed |= how.failed;
    tca_buf_done(&how);
    add_text(page, "   hit: ", &text);
}

static void add_lost(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    uint64_t lost = in->lost + in->gave_up;
    if (!lost) {
        tca_buf_str(&text, in->waiting || in->held_unserved ? "none yet"
                                                            : "none: all of them were served in the end");
    } else {
        tca_page_count(&text, lost, " connection", " connections");
        if (in->lost && in->gave_up)
            tca_buf_fmt(&text, ": %llu never served, %llu gave up before the answer came",
                        (unsigned long long)in->lost, (unsigned long long)in->gave_up);
        else
            tca_buf_str(&text, in->lost ? ", never served" : " that gave up before the answer came");
    }
    if (in->waiting)
        tca_buf_fmt(&text, "; %llu still waiting when the capture ended", (unsigned long long)in->waiting);
    add_text(page, "   lost: ", &text);
}

/* Those who had got a place before it was full, and waited in it: refused they were not. */
static void add_held(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    if (!in->held)
        return;
    tca_page_count(&text, in->held, " connection", " connections");
    tca_buf_str(&text, " had got a place in it and waited");
    if (in->held_ns >= 0) {
        tca_buf_str(&text, ", up to ");
        tca_buf_seconds(&text, in->held_ns, 1);
        tca_buf_str(&text, " s");
    }
    if (in->held_unserved == in->held)
        tca_buf_str(&text, "; none was answered before the capture ended");
    else if (in->held_unserved)
        tca_buf_fmt(&text, "; %llu of them were not answered before the capture ended",
                    (unsigned long long)in->held_unserved);
    add_text(page, "   queued: ", &text);
}

/* What the service did meanwhile: the difference decides what to change first. */
static void add_service(struct page *page, const struct tca_episode *e, bool several)
{
    struct tca_buf text = {0};
    tca_buf_str(&text, several ? "the worst time: " : "");
    tca_buf_str(&text, e->confidence == TCA_EPISODE_POSSIBLE ? "perhaps " : "");
    if (e->slow) {
        tca_buf_str(
            &text,
            "the service never stopped, but accepted fewer than came: its queue filled, and the kernel "
            "turned new clients away");
    } else {
        tca_buf_str(&text, e->partial ? "one of several workers (SO_REUSEPORT) accepted nothing"
                                      : "the service accepted nothing");
        if (e->stall_ns >= 0) {
            tca_buf_str(&text, " from ");
            tca_page_clock(page, &text, e->stall_ns);
        }
        if (e->resume_ns >= 0) {
            tca_buf_str(&text, e->stall_ns >= 0 ? " to " : " until ");
            tca_page_clock(page, &text, e->resume_ns);
        }
        tca_buf_str(&text, ": its queue filled, and the kernel turned new clients away");
    }
    add_text(page, "   why: ", &text);
}

static void add_backlog(struct tca_buf *out, const struct overflow *in)
{
    bool least = tca_backlog_has_min(&in->backlog), most = tca_backlog_has_max(&in->backlog);
    unsigned long long low = in->backlog.min, high = in->backlog.max;
    if (least && low == high)
        tca_buf_fmt(out, "(%llu now) ", low);
    else if (least && most)
        tca_buf_fmt(out, "(%llu to %llu now) ", low, high);
    else if (least || most)
        tca_buf_fmt(out, "(at %s %llu now) ", least ? "least" : "most", least ? low : high);
}

static void add_change(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    tca_buf_str(&text, in->measured && in->worst.slow ? "speed up the accept loop (more workers)"
                                                      : "find what stops the accept loop");
    tca_buf_str(&text, "; raise the listen() backlog ");
    add_backlog(&text, in);
    tca_buf_str(&text, "and net.core.somaxconn together (the smaller one counts)");
    add_text(page, "   change: ", &text);
}

/* ---- incidents of other kinds ---- */

static bool at_the_time(const struct incident *in, int64_t first_ns, int64_t last_ns)
{
    return in->what.first_ns <= last_ns + TOGETHER_NS && in->what.last_ns >= first_ns - TOGETHER_NS;
}

static bool same_listener(const struct place *a, const struct place *b)
{
    return a->port == b->port && a->capture == b->capture && memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

/* Of a lower or equal rank, at the same listener and time. */
static bool told_with(const struct incident *in, const struct block *b)
{
    return in->what.scope == TCA_SCOPE_LISTENER && in != b->incident && same_listener(&in->at, &b->at) &&
           at_the_time(in, b->first_ns, b->last_ns);
}

/* Its time needs no words of its own. */
static bool at_the_time_of(const struct incident *in, const struct block *b)
{
    return in->what.first_ns >= b->first_ns - TOGETHER_NS && in->what.last_ns <= b->last_ns + TOGETHER_NS;
}

/* The same was told with this block before: then its time is enough. */
static bool told_before(const struct story *story, const struct block *b, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        const struct incident *in = &story->sum->incident[i];
        if (in->told && in->what.id == story->sum->incident[at].what.id && told_with(in, b))
            return true;
    }
    return false;
}

static void add_companions(struct page *page, const struct story *story, const struct block *b)
{
    for (size_t i = 0; i < story->sum->incident_count && !story->terse; i++) {
        const struct incident *in = &story->sum->incident[i];
        if (!in->told || !told_with(in, b))
            continue;
        struct tca_buf text = {0};
        tca_buf_fmt(&text, "%s (%s)", tca_findings[in->what.id].id, tca_confidence_name(in->what.confidence));
        bool again = told_before(story, b, i);
        if (again || (b->overflow && b->overflow->episodes > 1) || !at_the_time_of(in, b)) {
            tca_buf_str(&text, again ? " again from " : " from ");
            tca_page_span(page, &text, in->what.first_ns, in->what.last_ns);
        }
        if (!again)
            tca_buf_fmt(&text, ": %s", in->what.text);
        tca_page_sentences(page, "   with it: ", tca_buf_text(&text), 2);
        page->out.failed |= text.failed;
        tca_buf_done(&text);
    }
}

static void add_incident_head(struct page *page, const struct incident *in)
{
    struct tca_buf *out = &page->out;
    tca_buf_fmt(out, "%s %s", sign(tca_findings[in->what.id].severity), tca_findings[in->what.id].id);
    if (in->what.scope == TCA_SCOPE_LISTENER) {
        tca_buf_str(out, " at ");
        add_place(out, &in->at);
    } else if (in->what.scope == TCA_SCOPE_HOST) {
        tca_buf_str(out, " by ");
        tca_buf_ip(out, in->at.addr, in->at.family);
    }
    tca_buf_fmt(out, " (%s)", tca_confidence_name(in->what.confidence));
}

/* Of an attack the connections beside its own, of anything else those that it consists of. */
static void add_victims(struct page *page, const struct incident *in)
{
    static const char *const attack[] = {"syn_flood_", "portscan"};
    const struct tca_incident *what = &in->what;
    struct tca_buf text = {0};
    bool attacks = false;
    for (size_t i = 0; i < sizeof attack / sizeof *attack; i++)
        attacks |= strncmp(tca_findings[what->id].id, attack[i], strlen(attack[i])) == 0;
    if (attacks && in->connections > what->flows)
        tca_page_count(&text, in->connections - what->flows, " other connection", " other connections");
    if (!attacks && what->flows && what->scope != TCA_SCOPE_CAPTURE) { /* of a path `why` counts them */
        tca_page_count(&text, what->flows, " connection", " connections");
        tca_buf_str(&text, what->peers ? " of " : "");
        if (what->peers)
            tca_page_count(&text, what->peers, " address", " addresses");
    }
    if (text.used)
        tca_page_wrapped(page, "   hit: ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

static void add_incident(struct page *page, const struct story *story, const struct block *b)
{
    const struct incident *in = b->incident;
    const struct tca_finding *f = &tca_findings[in->what.id];
    struct tca_buf text = {0};
    char command[80];
    add_incident_head(page, in);
    tca_page_end_line(page);
    tca_page_span(page, &text, in->what.first_ns, in->what.last_ns);
    if (in->what.frame_count)
        add_frames(&text, in->what.frame[0], in->what.frame[in->what.frame_count - 1]);
    add_text(page, "   since ", &text);
    tca_page_wrapped(page, "   why: ", in->what.text[0] ? in->what.text : f->meaning);
    add_victims(page, in);
    add_companions(page, story, b);
    if (f->host && f->host[0])
        tca_page_sentences(page, "   change: ", f->host, 3);
    snprintf(command, sizeof command, "events --finding %s", f->id);
    tca_page_command(page, command, in->file);
}

static void add_overflow(struct page *page, const struct story *story, const struct block *b)
{
    const struct overflow *in = b->overflow;
    add_overflow_head(page, in);
    tca_page_end_line(page);
    if (in->measured) {
        add_overflow_span(page, in);
        add_service(page, &in->worst, in->episodes > 1);
        add_hit(page, in);
        add_lost(page, in);
        add_held(page, in);
    }
    add_companions(page, story, b);
    add_change(page, in);
    tca_page_proof(page, &in->example);
}

/* ---- findings of connections ---- */

static void add_finding_head(struct page *page, const struct block *b)
{
    struct tca_buf *out = &page->out;
    tca_buf_fmt(out, "%s %llux %s at ", sign(b->severity), (unsigned long long)b->count,
                tca_findings[b->id].id);
    add_place(out, &b->tally->at);
    tca_buf_fmt(out, " (%s)", tca_confidence_name(b->tally->confidence));
}

static void add_finding(struct page *page, const struct block *b)
{
    const struct tca_finding *f = &tca_findings[b->id];
    struct tca_buf text = {0};
    add_finding_head(page, b);
    tca_page_end_line(page);
    tca_page_span(page, &text, b->tally->first_ns, b->tally->last_ns);
    tca_buf_str(&text, ", ");
    add_clients(&text, &b->tally->clients);
    tca_buf_fmt(&text, ": %s%s", b->tally->confidence == TCA_POSSIBLE ? "perhaps: " : "", f->meaning);
    add_text(page, "   since ", &text);
    if (f->host && f->host[0])
        tca_page_sentences(page, "   host: ", f->host, 3);
    tca_page_proof(page, &b->tally->example);
}

/* The selector of an example; of several captures it names the one. */
static void add_selector(struct page *page, uint32_t capture, const struct example *example)
{
    if (!example->set)
        return;
    tca_buf_str(&page->out, " stream=");
    if (page->several_captures)
        tca_buf_fmt(&page->out, "c%u:", (unsigned)capture);
    tca_buf_u64(&page->out, example->stream);
}

static void add_short(struct page *page, const struct block *b)
{
    struct tca_buf *out = &page->out;
    if (b->overflow) {
        add_overflow_head(page, b->overflow);
        tca_buf_str(out, ", ");
        tca_page_count(out, b->count, " connection", " connections");
        add_selector(page, b->at.capture, &b->overflow->example);
    } else if (b->incident) {
        add_incident_head(page, b->incident);
        tca_buf_str(out, " since ");
        tca_page_clock(page, out, b->first_ns);
    } else {
        tca_buf_fmt(out, "%s %llux %s at ", sign(b->severity), (unsigned long long)b->count,
                    tca_findings[b->id].id);
        add_place(out, &b->tally->at);
        add_selector(page, b->at.capture, &b->tally->example);
    }
    tca_page_end_line(page);
}

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
                if (block[i].incident && told_with(block[i].incident, &block[lead]))
                    block[i].incident->told = true;
        }
    for (size_t i = 0; i < count; i++)
        if (!block[i].incident || (!block[i].incident->told && block[i].severity > TCA_SEVERITY_INFO))
            block[kept++] = block[i];
    story->count = kept;
}

/* ---- onto the page ---- */

static void add_block(struct page *page, const struct story *story, const struct block *b)
{
    if (b->overflow)
        add_overflow(page, story, b);
    else if (b->incident)
        add_incident(page, story, b);
    else
        add_finding(page, b);
}

/* Append a block in full if `keep` lines remain for those after it; or if there is room in plenty. */
static bool add_if_fits(struct page *page, const struct story *story, const struct block *b, int last_line,
                        size_t keep)
{
    struct page trial = *page;
    trial.out = (struct tca_buf){0};
    trial.line_start = 0;
    add_block(&trial, story, b);
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
        add_short(page, b);
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
