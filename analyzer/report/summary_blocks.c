/* SPDX-License-Identifier: MIT
 *
 * Blocks of the summary: what happened, gravest first. A block answers, in this order: what and where, since when until
 * when, to whom, why, what to change, where to look.
 *
 * An incident at the same listener and time as a graver one is told in its block: a crowd, or SYN cookies, beside the
 * queue that overflowed under them.
 */
#include "report/summary_own.h"

#include <stdio.h>
#include <string.h>

static const int64_t TOGETHER_NS = 1000000000; /* incidents no farther apart belong together */

const char *tca_page_sign(enum tca_severity severity)
{
    static const char *const text[] = {[TCA_SEVERITY_INFO] = "  ",
                                       [TCA_SEVERITY_LOW] = ". ",
                                       [TCA_SEVERITY_MEDIUM] = "! ",
                                       [TCA_SEVERITY_HIGH] = "!!"};
    return text[severity];
}

void tca_page_place(const struct page *page, struct tca_buf *out, const struct place *at)
{
    tca_text_endpoint(out, page->sum->anon, at->addr, at->family, at->port);
}

void tca_page_text(struct page *page, const char *head, struct tca_buf *text)
{
    tca_page_wrapped(page, head, tca_buf_text(text));
    page->out.failed |= text->failed;
    tca_buf_done(text);
}

void tca_page_clients(struct tca_buf *out, const struct clients *clients)
{
    if (clients->more)
        tca_buf_str(out, "more than ");
    tca_page_count(out, clients->count, " client", " clients");
}

void tca_page_frames(struct tca_buf *text, struct tca_spot first, struct tca_spot last)
{
    bool one_file = first.ordinal == last.ordinal, one = one_file && first.frame == last.frame;
    tca_buf_str(text, one ? ", frame " : ", frames ");
    tca_text_frame(text, one_file ? first.ordinal : 0, first);
    if (one)
        return;
    tca_buf_str(text, " to ");
    tca_text_frame(text, one_file ? first.ordinal : 0, last);
}

void tca_page_flow(struct tca_buf *text, bool several_captures, uint32_t ordinal, uint64_t stream,
                   struct tca_spot flow)
{
    if (stream == TCA_NO_STREAM) {
        tca_buf_str(text, "flow=");
        tca_text_spot(text, flow);
        return;
    }
    tca_buf_str(text, "stream=");
    if (several_captures)
        tca_buf_fmt(text, "c%u:", (unsigned)ordinal);
    tca_buf_u64(text, stream);
}

void tca_page_selector(struct page *page, const struct example *example)
{
    if (!example->set)
        return;
    tca_buf_char(&page->out, ' ');
    tca_page_flow(&page->out, page->several_captures, example->ordinal, example->stream, example->flow);
}

/* ---- incidents ---- */

static bool at_the_time(const struct incident *in, int64_t first_ns, int64_t last_ns)
{
    return in->what.first_ns <= last_ns + TOGETHER_NS && in->what.last_ns >= first_ns - TOGETHER_NS;
}

/* Of a lower or equal rank, at the same listener and time. */
bool tca_told_with(const struct incident *in, const struct block *b)
{
    return in->what.scope == TCA_SCOPE_LISTENER && in != b->incident && tca_same_place(&in->at, &b->at) &&
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
        if (in->told && in->what.id == story->sum->incident[at].what.id && tca_told_with(in, b))
            return true;
    }
    return false;
}

void tca_page_companions(struct page *page, const struct story *story, const struct block *b)
{
    for (size_t i = 0; i < story->sum->incident_count; i++) {
        const struct incident *in = &story->sum->incident[i];
        if (!in->told || !tca_told_with(in, b))
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
    tca_buf_fmt(out, "%s %s", tca_page_sign(tca_findings[in->what.id].severity),
                tca_findings[in->what.id].id);
    if (in->what.scope == TCA_SCOPE_LISTENER) {
        tca_buf_str(out, " at ");
        tca_page_place(page, out, &in->at);
    } else if (in->what.scope == TCA_SCOPE_HOST) {
        tca_buf_str(out, " by ");
        tca_anon_ip(out, page->sum->anon, in->at.addr, in->at.family);
    }
    tca_buf_fmt(out, " (%s)", tca_confidence_name(in->what.confidence));
}

/* Does this incident press on all other clients of its listener? */
static bool presses(const struct incident *in)
{
    static const char *const pressing[] = {"syn_flood_", "synq_full_interval", "syncookie_interval"};
    return tca_begins_with(tca_findings[in->what.id].id, pressing, sizeof pressing / sizeof *pressing);
}

/* What became of the other clients meanwhile. */
struct fates {
    uint64_t opened, late, unanswered; /* late: of the opened */
    int64_t longest_ns;
};

static struct fates fates_of(const struct story *story, const struct block *b)
{
    struct fates f = {0};
    for (size_t i = 0; i < story->sum->incident_count; i++) {
        const struct incident *in = &story->sum->incident[i];
        if (!presses(in) || (in != b->incident && !(in->told && tca_told_with(in, b))))
            continue;
        f.opened += in->opened;
        f.late += in->late;
        f.unanswered += in->unanswered;
        f.longest_ns = in->longest_ns > f.longest_ns ? in->longest_ns : f.longest_ns;
    }
    return f;
}

/* Theirs is the damage: of those that had to wait, or got nothing. */
static void add_fates(struct page *page, const struct story *story, const struct block *b)
{
    struct tca_buf text = {0};
    const struct fates f = fates_of(story, b);
    const bool own = b->incident->what.id == TCA_synq_full_interval;
    const uint64_t all = f.opened + f.unanswered, hit = f.late + f.unanswered;
    if (!all)
        return;
    if (!hit)
        tca_buf_str(&text, "none: ");
    else if (hit < all)
        tca_buf_fmt(&text, "%llu of ", (unsigned long long)hit);
    tca_page_count(&text, all, own ? " connection" : " other connection",
                   own ? " connections" : " other connections");
    if (f.late && f.late < all)
        tca_buf_fmt(&text, "; %llu", (unsigned long long)f.late);
    else if (f.opened && f.unanswered)
        tca_buf_str(&text, "; the others");
    if (f.opened) {
        tca_buf_str(&text, f.late ? " opened late, after up to " : " opened within ");
        tca_page_wait(&text, f.longest_ns);
    }
    tca_page_text(page, "   hit: ", &text);
    if (f.unanswered)
        tca_buf_fmt(&text, "%llu, whose SYNs nothing answered", (unsigned long long)f.unanswered);
    else
        tca_buf_str(&text, "none");
    tca_page_text(page, "   lost: ", &text);
}

/* The connections that it consists of; of a path `why` counts them, and a scan's are nobody's loss. */
static void add_hit(struct page *page, const struct tca_incident *what)
{
    struct tca_buf text = {0};
    if (!what->flows || what->scope == TCA_SCOPE_CAPTURE || what->id == TCA_portscan)
        return;
    tca_page_count(&text, what->flows, " connection", " connections");
    if (what->peers) {
        tca_buf_str(&text, " of ");
        tca_page_count(&text, what->peers, " address", " addresses");
    }
    tca_page_text(page, "   hit: ", &text);
}

/* Where SYN cookies were sent, nobody needs to be told to turn them on. */
static const char *change_for(const struct story *story, const struct block *b)
{
    static const struct {
        enum tca_finding_id id;
        const char *change;
    } with_cookies[] = {
        {TCA_syn_flood_spoofed,
         "SYN cookies held: leave net.ipv4.tcp_syncookies at 1; filter upstream. Raise the "
         "backlog and net.core.somaxconn together, then fewer are needed."},
        {TCA_syn_flood_direct,
         "Block these addresses (nft, upstream). SYN cookies held: leave net.ipv4.tcp_syncookies at 1."},
    };
    const struct tca_summary *sum = story->sum;
    for (size_t i = 0; i < sum->incident_count; i++) {
        const struct incident *in = &sum->incident[i];
        if (in->what.id != TCA_syncookie_interval || !in->told || !tca_told_with(in, b))
            continue;
        for (size_t at = 0; at < sizeof with_cookies / sizeof *with_cookies; at++)
            if (with_cookies[at].id == b->incident->what.id)
                return with_cookies[at].change;
    }
    return tca_findings[b->incident->what.id].host;
}

static void add_since(struct page *page, int64_t first_ns)
{
    struct tca_buf text = {0};
    tca_buf_str(&text, " since ");
    tca_page_clock(page, &text, first_ns);
    tca_page_if_room(page, &text);
}

static void add_incident(struct page *page, const struct story *story, const struct block *b, enum form form)
{
    const struct incident *in = b->incident;
    const struct tca_finding *f = &tca_findings[in->what.id];
    const char *why = in->what.text[0] ? in->what.text : f->meaning;
    struct tca_buf text = {0};
    char command[80];
    add_incident_head(page, in);
    if (form == FORM_LINE)
        add_since(page, b->first_ns);
    tca_page_end_line(page);
    if (form == FORM_LINE)
        return;
    tca_page_span(page, &text, in->what.first_ns, in->what.last_ns);
    if (form == FORM_BRIEF) {
        tca_buf_fmt(&text, ": %s", why);
        tca_page_text(page, "   since ", &text);
        return;
    }
    if (in->what.frame_count)
        tca_page_frames(&text, in->first_at, in->last_at);
    tca_page_text(page, "   since ", &text);
    tca_page_wrapped(page, "   why: ", why);
    if (presses(in) && in->what.id != TCA_syncookie_interval) /* a cookie alone hurts nobody */
        add_fates(page, story, b);
    else
        add_hit(page, &in->what);
    if (form == FORM_FULL)
        tca_page_companions(page, story, b);
    if (f->host && f->host[0])
        tca_page_sentences(page, "   change: ", change_for(story, b), 3);
    snprintf(command, sizeof command, "events --finding %s", f->id);
    tca_page_command(page, command, in->file);
}

/* ---- findings of connections ---- */

/* In one line as far as it holds: the stream first, which is what can be typed. */
static void add_finding_line(struct page *page, const struct block *b)
{
    struct tca_buf text = {0};
    tca_page_selector(page, &b->tally->example);
    add_since(page, b->tally->first_ns);
    tca_buf_str(&text, ", ");
    tca_page_clients(&text, &b->tally->clients);
    tca_page_if_room(page, &text);
    tca_page_end_line(page);
}

/* One client port for many connections: each new one gives up the one before, which a client does that binds its port. */
static bool again_and_again(const struct tally *tally)
{
    enum { TRIES_MIN = 3 };
    return tally->count >= TRIES_MIN && tally->clients.count == 1 && !tally->several_ports;
}

static void add_finding(struct page *page, const struct block *b, enum form form)
{
    const struct tca_finding *f = &tca_findings[b->id];
    struct tca_buf text = {0};
    tca_buf_fmt(&page->out, "%s %llux %s at ", tca_page_sign(b->severity), (unsigned long long)b->count,
                f->id);
    tca_page_place(page, &page->out, &b->tally->at);
    if (form == FORM_LINE) {
        add_finding_line(page, b);
        return;
    }
    tca_buf_fmt(&page->out, " (%s)", tca_confidence_name(b->tally->confidence));
    if (form == FORM_BRIEF)
        tca_page_selector(page, &b->tally->example);
    tca_page_end_line(page);
    tca_page_span(page, &text, b->tally->first_ns, b->tally->last_ns);
    tca_buf_str(&text, ", ");
    tca_page_clients(&text, &b->tally->clients);
    if (again_and_again(b->tally))
        tca_buf_fmt(&text, ", always from port %u", (unsigned)b->tally->client_port);
    tca_buf_fmt(&text, ": %s%s", b->tally->confidence == TCA_POSSIBLE ? "perhaps: " : "", f->meaning);
    tca_page_text(page, "   since ", &text);
    if (form == FORM_BRIEF)
        return;
    if (f->host && f->host[0])
        tca_page_sentences(page, "   host: ", f->host, 3);
    tca_page_proof(page, &b->tally->example);
}

void tca_page_block(struct page *page, const struct story *story, const struct block *b, enum form form)
{
    if (b->overflow)
        tca_page_overflow(page, story, b, form);
    else if (b->incident)
        add_incident(page, story, b, form);
    else
        add_finding(page, b, form);
}
