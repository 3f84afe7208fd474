/* SPDX-License-Identifier: MIT
 *
 * The block of an accept queue that was full: since when until when, what the service did meanwhile, who was turned
 * away, who was lost, who waited, what to change.
 */
#include "report/summary_own.h"

static void add_head(struct page *page, const struct overflow *in)
{
    struct tca_buf *out = &page->out;
    tca_buf_fmt(out, "%s ", tca_page_sign(TCA_SEVERITY_HIGH));
    tca_page_place(page, out, &in->at);
    tca_buf_str(out, " accept queue full");
    if (in->episodes > 1)
        tca_buf_fmt(out, " %u times", (unsigned)in->episodes);
    if (in->worst.confidence)
        tca_buf_fmt(out, " (%s)", tca_confidence_name((enum tca_confidence)in->worst.confidence));
}

static void add_span(const struct page *page, struct tca_buf *text, const struct overflow *in)
{
    tca_page_span(page, text, in->first_ns, in->last_ns);
    if (in->episodes > 1) {
        tca_buf_str(text, ", full for ");
        tca_buf_seconds(text, in->full_ns, 3);
        tca_buf_str(text, " s of it");
    }
    if (in->open_end)
        tca_buf_str(text, ", still full when the capture ended");
}

static void add_overflow_span(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    add_span(page, &text, in);
    tca_page_frames(&text, in->first_at, in->last_at);
    tca_page_text(page, "   since ", &text);
}

static void add_hit_clients(struct tca_buf *text, const struct overflow *in)
{
    if (in->episodes == 1 && !in->waited) /* clients of several episodes may be the same ones */
        tca_page_count(text, in->worst.clients, " client", " clients");
    else
        tca_page_clients(text, &in->clients);
}

/* What the packets show; where they do not decide how often the kernel refused, that is said with its bounds, which
 * nstat on the host can be held against. */
static void add_refusals(struct tca_buf *text, const struct overflow *in)
{
    const struct tca_bounds *kernel = &in->listen_drops;
    bool exact = kernel->min == kernel->max;
    tca_buf_str(text, exact ? "" : "about ");
    tca_text_refusals(text, in->drops, in->ignored, in->aborted);
    if (!exact && kernel->max == UINT64_MAX)
        tca_buf_fmt(text, "; ListenDrops at least %llu", (unsigned long long)kernel->min);
    else if (!exact)
        tca_buf_fmt(text, "; ListenDrops %llu to %llu", (unsigned long long)kernel->min,
                    (unsigned long long)kernel->max);
}

static void add_hit(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    tca_page_count(&text, in->flows + in->waited, " connection", " connections");
    tca_buf_str(&text, " of ");
    add_hit_clients(&text, in);
    if (in->waited)
        tca_buf_fmt(&text, ": %llu waited in vain, %llu turned away (", (unsigned long long)in->waited,
                    (unsigned long long)in->flows);
    else
        tca_buf_str(&text, " turned away: ");
    add_refusals(&text, in);
    tca_buf_str(&text, in->waited ? ")" : "");
    tca_buf_str(&text, in->flooded ? "; SYNs of the flood among them" : "");
    tca_page_text(page, "   hit: ", &text);
}

/* In which ways; of one way without its number, which stands before it. */
static void add_how_lost(struct tca_buf *text, const struct overflow *in, uint64_t lost)
{
    const struct {
        uint64_t count;
        const char *alone, *among;
    } way[] = {
        {in->lost, ", never served", "never served"},
        {in->gave_up, " that gave up before the answer came", "gave up before the answer came"},
        {in->closed, ", reset when the service closed its listener",
         "reset when the service closed its listener"},
    };
    const char *mark = ": ";
    for (size_t at = 0; at < sizeof way / sizeof way[0]; at++) {
        if (!way[at].count)
            continue;
        if (way[at].count == lost) {
            tca_buf_str(text, way[at].alone);
            return;
        }
        tca_buf_fmt(text, "%s%llu %s", mark, (unsigned long long)way[at].count, way[at].among);
        mark = ", ";
    }
}

static void add_lost(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    uint64_t lost = in->lost + in->gave_up + in->closed;
    if (!lost) {
        tca_buf_str(&text, in->waiting || in->held_unserved ? "none yet"
                           : in->unknown                    ? "none that the capture shows"
                                                            : "none: all of them were served in the end");
    } else {
        tca_page_count(&text, lost, " connection", " connections");
        if (in->losers.count && !in->waiting) { /* else nobody knows yet whose they are */
            tca_buf_str(&text, " of ");
            tca_page_clients(&text, &in->losers);
        }
        add_how_lost(&text, in, lost);
        tca_buf_str(&text, in->flooded ? "; SYNs of the flood among them" : "");
    }
    if (in->unknown)
        tca_buf_fmt(&text, "; of %llu it is not known, for segments of them were not captured",
                    (unsigned long long)in->unknown);
    if (in->waiting)
        tca_buf_fmt(&text, "; %llu still waiting when the capture ended", (unsigned long long)in->waiting);
    tca_page_text(page, "   lost: ", &text);
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
    tca_page_text(page, "   queued: ", &text);
}

/* What the service did meanwhile: the difference decides what to change first. */
static void add_cause(const struct page *page, struct tca_buf *text, const struct tca_episode *e)
{
    tca_buf_str(text, e->confidence == TCA_EPISODE_POSSIBLE ? "perhaps " : "");
    if (e->slow) {
        tca_buf_str(text, "the service never stopped, but accepted fewer than came");
        return;
    }
    tca_buf_str(text, e->partial ? "one of several workers (SO_REUSEPORT) accepted nothing"
                                 : "the service accepted nothing");
    if (e->stall_ns >= 0) {
        tca_buf_str(text, " from ");
        tca_page_clock(page, text, e->stall_ns + e->idle_ns);
    }
    if (e->resume_ns >= 0) {
        tca_buf_str(text, e->stall_ns >= 0 ? " to " : " until ");
        tca_page_clock(page, text, e->resume_ns);
    }
}

/* One of several times: when, why, how many. */
static void add_one_time(struct page *page, const char *head, const struct tca_episode *e, bool consequence)
{
    struct tca_buf text = {0};
    tca_page_clock(page, &text, e->first_ns);
    if (!e->open_end) {
        tca_buf_str(&text, " for ");
        tca_buf_seconds(&text, e->last_ns - e->first_ns, 1);
        tca_buf_str(&text, " s");
    }
    tca_buf_str(&text, ": ");
    add_cause(page, &text, e);
    tca_buf_str(&text, consequence ? ": its queue filled, and the kernel turned " : "; ");
    tca_page_count(&text, e->flows, " connection", " connections");
    tca_buf_str(&text, consequence ? " away" : " turned away");
    if (e->lost)
        tca_buf_fmt(&text, ", %u never served", (unsigned)e->lost);
    tca_page_text(page, head, &text);
}

static void add_why(struct page *page, const struct overflow *in, enum form form)
{
    struct tca_buf text = {0};
    if (in->episodes == 1) {
        add_cause(page, &text, &in->worst);
        tca_buf_str(&text, ": its queue filled, and the kernel turned new clients away");
        tca_page_text(page, "   why: ", &text);
        return;
    }
    if (form == FORM_TERSE)
        add_one_time(page, "   why: ", &in->worst, true);
    for (int i = 0; form == FORM_FULL && i < in->told_count; i++)
        add_one_time(page, i ? "   and: " : "   why: ", &in->told[i], i == 0);
    unsigned told = form == FORM_FULL ? in->told_count : 1;
    if (in->episodes > told) {
        tca_page_count(&text, in->episodes - told, " more time", " more times");
        tca_buf_str(&text, form == FORM_FULL ? ", with fewer connections" : ": see tcpautopsy events");
        tca_page_text(page, "   and: ", &text);
    }
}

/* What stands between the number and the truth: nothing on the wire tells whether workers held some of those counted. */
static const char *proviso(const struct overflow *in)
{
    if (in->backlog_basis == TCA_BACKLOG_FROZEN)
        return ", less any hung workers";
    return in->backlog_basis == TCA_BACKLOG_BEGUN ? ", if empty at first" : "";
}

static void add_backlog(struct tca_buf *out, const struct overflow *in)
{
    bool least = tca_backlog_has_min(&in->backlog), most = tca_backlog_has_max(&in->backlog);
    unsigned long long low = in->backlog.min, high = in->backlog.max;
    if (!least && !most)
        return;
    if (least && low == high)
        tca_buf_fmt(out, "(%llu now", low);
    else if (least && most)
        tca_buf_fmt(out, "(%llu to %llu now", low, high);
    else
        tca_buf_fmt(out, "(at %s %llu now", least ? "least" : "most", least ? low : high);
    tca_buf_fmt(out, "%s) ", least ? proviso(in) : "");
}

static void add_change(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    tca_buf_str(&text, in->measured && in->worst.slow ? "speed up the accept loop (more workers)"
                                                      : "find what stops the accept loop");
    tca_buf_str(&text, "; raise the listen() backlog ");
    add_backlog(&text, in);
    tca_buf_str(&text, "with net.core.somaxconn (the smaller counts)");
    tca_page_text(page, "   change: ", &text);
}

/* What a reader needs who reads no more: how many, and whether they were lost. */
static void add_brief(struct page *page, const struct overflow *in)
{
    struct tca_buf text = {0};
    uint64_t lost = in->lost + in->gave_up + in->closed;
    add_span(page, &text, in);
    tca_buf_str(&text, ": ");
    tca_page_count(&text, in->flows + in->waited, " connection", " connections");
    tca_buf_str(&text, " of ");
    add_hit_clients(&text, in);
    tca_buf_str(&text, " turned away or left waiting, ");
    if (lost)
        tca_buf_fmt(&text, "%llu lost", (unsigned long long)lost);
    else
        tca_buf_str(&text, "none lost");
    tca_page_text(page, "   since ", &text);
}

static void add_line(struct page *page, const struct block *b)
{
    struct tca_buf text = {0};
    tca_buf_str(&text, " since ");
    tca_page_clock(page, &text, b->overflow->first_ns);
    tca_page_if_room(page, &text);
    tca_buf_str(&text, ", ");
    tca_page_count(&text, b->count, " connection", " connections");
    tca_page_if_room(page, &text);
}

void tca_page_overflow(struct page *page, const struct story *story, const struct block *b, enum form form)
{
    const struct overflow *in = b->overflow;
    add_head(page, in);
    if (form <= FORM_BRIEF)
        tca_page_selector(page, &in->example);
    if (form == FORM_LINE)
        add_line(page, b);
    tca_page_end_line(page);
    if (form == FORM_BRIEF && in->measured)
        add_brief(page, in);
    if (form <= FORM_BRIEF)
        return;
    if (in->measured) {
        add_overflow_span(page, in);
        add_why(page, in, form);
        add_hit(page, in);
        add_lost(page, in);
        add_held(page, in);
    }
    if (form == FORM_FULL)
        tca_page_companions(page, story, b);
    add_change(page, in);
    tca_page_proof(page, &in->example);
}
