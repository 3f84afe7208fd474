/* SPDX-License-Identifier: MIT
 *
 * Summary: the incident for somebody on call, at most 25 lines of 80 columns.
 *
 *     head      what was captured, when, where
 *     blocks    by impact: sign, count, server, since when, cause, proof, what to change, what to type next
 *     tail      what could not be judged, and why
 *
 * Each connection is told once, by its verdict, so that counts add up to connections. Those that an accept
 * queue overflow hit are told by their listener. Blocks that find no room shrink to one line, and then to a
 * count: memory and lines are bounded whatever the capture holds. First come, first kept in row order, so the
 * result depends on the input alone.
 */
#include "report/row.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINES_MAX = 25,
    LINE_WIDTH = 80,
    SERVERS_MAX = 32,   /* servers told apart for one finding */
    INCIDENTS_MAX = 64, /* listeners with an overflow */
    BLOCK_LINES = 10,
    FILE_MAX = 120,       /* of a file name to be typed */
    ANSWER_GROUPS = 1640, /* of answer_group(), for any int64_t */
    LATE_ONE_IN = 20,     /* late answers are told from one in so many on */
};
static const int64_t LATE_NS = 1000000000; /* an answer that a person would have waited for */

/* Where to look: one connection that shows it. */
struct example {
    bool set;
    uint64_t stream, frame[3];
    uint8_t frame_count;
    char file[FILE_MAX]; /* "" when the name is too long to be repeated */
};

struct place {
    uint8_t addr[16];
    uint16_t port;
    uint8_t family;
    uint32_t capture;
};

/* One finding at one server. */
struct tally {
    struct place at;
    uint64_t count;
    int64_t first_ns;
    enum tca_confidence confidence;
    struct example example;
    char text[200];
};

struct kind {
    struct tally *tally; /* owned, SERVERS_MAX of them, NULL until the first */
    size_t tally_count;
    uint64_t elsewhere; /* connections at servers beyond these */
    uint64_t beside;    /* connections where it stands beside another verdict */
};

struct incident {
    struct place at;
    uint64_t connections; /* folded into it; episodes count what they hit themselves */
    struct example example;
    bool measured; /* the listener itself was told */
    uint32_t episodes;
    struct tca_episode worst; /* by connections hit */
    int64_t first_ns, last_ns;
    uint64_t first_frame, last_frame;
    uint64_t drops, ignored, aborted, flows, lost;
    uint32_t backlog_min, backlog_max;
};

/* How long clients waited for the first byte of the service. Sorted into groups of equal two leading digits, so
 * that the median is known to these two digits in fixed memory. */
struct answers {
    uint64_t group[ANSWER_GROUPS];
    uint64_t count, late;
    int64_t longest_ns;
    uint32_t longest_capture;
    uint64_t longest_stream;
};

struct tca_summary {
    struct kind kind[TCA_FINDING_COUNT];
    struct incident incident[INCIDENTS_MAX];
    size_t incident_count;
    uint64_t incidents_dropped;

    const char *options; /* of commands to be typed, borrowed */
    bool limited;        /* not every finding is told */
    char name[FILE_MAX]; /* of the first capture */
    uint64_t captures, packets, tcp_packets, undecoded, left_out, not_whole;
    int64_t first_ns, last_ns; /* -1: no record */
    enum tca_vantage vantage;
    bool several_vantages;

    uint64_t flows, troubled, normal;
    uint64_t pending; /* the capture ended before anything could be said of them */
    uint64_t partial; /* of the others: not seen opening, or in one direction only */
    struct answers answers;
    uint64_t vantage_unknown, start_cut, one_way, gap, snaplen, end_cut;
};

int tca_summary_new(struct tca_summary **ret_summary)
{
    struct tca_summary *sum = tca_alloc(sizeof *sum);
    if (!sum)
        return TCA_EMEMORY;
    sum->options = "";
    sum->first_ns = -1;
    sum->last_ns = -1;
    *ret_summary = sum;
    return 0;
}

void tca_summary_limits(struct tca_summary *sum, const char *options, bool limited)
{
    sum->options = options;
    sum->limited = limited;
}

void tca_summary_free(struct tca_summary *sum)
{
    if (!sum)
        return;
    for (int i = 0; i < TCA_FINDING_COUNT; i++)
        tca_free(sum->kind[i].tally);
    tca_free(sum);
}

/* ---- gathering ---- */

static void keep_name(char file[FILE_MAX], const char *name)
{
    struct tca_buf clean = {0};
    tca_text_clean(&clean, name, true);
    bool fits = clean.used < FILE_MAX && strcmp(tca_buf_text(&clean), name) == 0;
    snprintf(file, FILE_MAX, "%s", fits ? name : "");
    tca_buf_done(&clean);
}

int tca_summary_capture(struct tca_summary *sum, const struct tca_capture_facts *facts)
{
    if (!sum->captures) {
        keep_name(sum->name, facts->name);
        sum->vantage = facts->vantage;
    }
    sum->several_vantages |= sum->vantage != facts->vantage;
    sum->captures++;
    sum->packets += facts->packets;
    sum->tcp_packets += facts->tcp_packets;
    for (int i = 0; i < TCA_OUTCOME_COUNT; i++)
        if (i != TCA_OUTCOME_tcp && i != TCA_OUTCOME_tcp_quoted && i != TCA_OUTCOME_not_ip &&
            i != TCA_OUTCOME_not_tcp && i != TCA_OUTCOME_filtered)
            sum->undecoded += facts->outcome[i];
    sum->left_out += facts->outcome[TCA_OUTCOME_filtered];
    sum->not_whole += facts->status[0] && strcmp(facts->status, "ok") != 0;
    if (facts->first_ns >= 0 && (sum->first_ns < 0 || facts->first_ns < sum->first_ns))
        sum->first_ns = facts->first_ns;
    if (facts->last_ns > sum->last_ns)
        sum->last_ns = facts->last_ns;
    return 0;
}

static bool same_place(const struct place *a, const struct place *b)
{
    return a->port == b->port && a->capture == b->capture && memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

static struct place place_of(const uint8_t addr[16], int family, uint16_t port, uint32_t capture)
{
    struct place at = {.port = port, .family = (uint8_t)family, .capture = capture};
    memcpy(at.addr, addr, sizeof at.addr);
    return at;
}

static void keep_example(struct example *example, const struct tca_flow_view *view,
                         const struct tca_judgement *j)
{
    example->set = true;
    example->stream = view->c->d->tcp_stream;
    example->frame_count = j->frame_count < 3 ? j->frame_count : 3;
    memcpy(example->frame, j->frame, sizeof example->frame);
    keep_name(example->file, view->capture->name);
}

static struct incident *incident_at(struct tca_summary *sum, const struct place *at)
{
    for (size_t i = 0; i < sum->incident_count; i++)
        if (same_place(&sum->incident[i].at, at))
            return &sum->incident[i];
    if (sum->incident_count == INCIDENTS_MAX)
        return NULL;
    struct incident *incident = &sum->incident[sum->incident_count++];
    incident->at = *at;
    return incident;
}

static bool overflow_family(const char *id)
{
    static const char *const family[] = {"overflow_",
                                         "synack_ladder_accept_overflow",
                                         "synack_ladder_pruned",
                                         "syn_drop_accept_full",
                                         "rst_abort_on_overflow",
                                         "rst_request_expired"};
    for (size_t i = 0; i < sizeof family / sizeof family[0]; i++)
        if (strncmp(id, family[i], strlen(family[i])) == 0)
            return true;
    return false;
}

/* The judgement by which a connection belongs to its listener's overflow; NULL if it does not. */
static const struct tca_judgement *hit_by_overflow(const struct tca_flow_view *view)
{
    if (!view->c->listener || !view->c->listener->episode_count)
        return NULL;
    for (int i = 2; i < view->v->count; i++)
        if (overflow_family(tca_findings[view->v->judgement[i].id].id))
            return &view->v->judgement[i];
    return NULL;
}

static struct tally *tally_at(struct kind *kind, const struct place *at)
{
    for (size_t i = 0; i < kind->tally_count; i++)
        if (same_place(&kind->tally[i].at, at))
            return &kind->tally[i];
    if (kind->tally_count == SERVERS_MAX)
        return NULL;
    struct tally *tally = &kind->tally[kind->tally_count++];
    tally->at = *at;
    return tally;
}

/* The judgement a connection is told by: its verdict. Of two readings of one handshake or close that are equally
 * severe, the one that its column shows. */
static int told_by(const struct tca_verdict *v)
{
    const struct tca_finding *verdict = &tca_findings[v->judgement[v->verdict].id];
    if (v->verdict < 2 || verdict->column == TCA_COLUMN_EVENT)
        return v->verdict;
    int own = verdict->column == TCA_COLUMN_HANDSHAKE ? 0 : 1;
    return tca_findings[v->judgement[own].id].severity >= verdict->severity ? own : v->verdict;
}

static int count_told(struct tca_summary *sum, const struct tca_flow_view *view,
                      const struct tca_judgement *j, const struct place *at)
{
    struct kind *kind = &sum->kind[j->id];
    if (!kind->tally)
        kind->tally = tca_alloc(SERVERS_MAX * sizeof *kind->tally);
    if (!kind->tally)
        return TCA_EMEMORY;
    struct tally *tally = tally_at(kind, at);
    if (!tally) {
        kind->elsewhere++;
        return 0;
    }
    if (!tally->count || j->time_ns < tally->first_ns)
        tally->first_ns = j->time_ns;
    tally->count++;
    if (j->confidence > tally->confidence) {
        tally->confidence = j->confidence;
        keep_example(&tally->example, view, j);
        snprintf(tally->text, sizeof tally->text, "%s", j->text);
    }
    return 0;
}

/* TIME_WAIT has nothing left to say, and of a mid-stream side nothing is known. */
static bool still_open(const struct tca_side *side)
{
    enum tca_state state = tca_side_state(side);
    return side->pkts && state != TCA_CLOSED && state != TCA_LISTEN && state != TCA_TIME_WAIT &&
           state != TCA_UNKNOWN;
}

/* SYNs without an answer are judged as what they are, not as a missing direction. */
static bool only_syns(const struct tca_mirror *m)
{
    return m->side[TCA_CLIENT].pkts == m->side[TCA_CLIENT].syn_count && m->side[TCA_SERVER].pkts == 0;
}

/* Equal two leading digits are one group: 0 to 99, then 100, 110, ... 990, 1000, 1100, ... */
static unsigned answer_group(int64_t ns)
{
    unsigned zeros = 0;
    for (; ns >= 100; ns /= 10)
        zeros++;
    return zeros * 90 + (unsigned)ns;
}

static int64_t answer_of_group(unsigned group)
{
    unsigned zeros = group < 100 ? 0 : (group - 10) / 90;
    int64_t ns = (int64_t)group - zeros * 90;
    for (; zeros; zeros--)
        ns *= 10;
    return ns;
}

/* From the ACK that opened the connection, or from the client's first request where it came later, to the first
 * payload of the server: a connection that was opened in reserve waits for its client, not for the service. */
static void count_answer(struct answers *all, const struct tca_dossier *d)
{
    int64_t asked = d->m.first_ack_ns, request = d->m.side[TCA_CLIENT].first_data_ns;
    int64_t answer = d->m.side[TCA_SERVER].first_data_ns;
    if (request > asked && request <= answer)
        asked = request;
    if (d->m.first_ack_ns < 0 || answer < asked)
        return;
    int64_t waited = answer - asked;
    all->group[answer_group(waited)]++;
    all->count++;
    all->late += waited > LATE_NS;
    if (waited > all->longest_ns) {
        all->longest_ns = waited;
        all->longest_capture = d->capture;
        all->longest_stream = d->tcp_stream;
    }
}

static int64_t median_answer(const struct answers *all)
{
    unsigned group = 0;
    for (uint64_t below = all->group[0]; below * 2 < all->count; below += all->group[group])
        group++;
    return answer_of_group(group);
}

/* Only what was seen from its opening on, and of both sides, can be called healthy. */
static bool seen_in_part(const struct tca_flow_view *view)
{
    const struct tca_mirror *m = &view->c->d->m;
    return (m->damage & TCA_DAMAGE_START_CUT) || view->v->judgement[0].id == TCA_handshake_midstream ||
           ((m->damage & TCA_DAMAGE_ONE_WAY) && !only_syns(m));
}

static void count_damage(struct tca_summary *sum, const struct tca_flow_view *view)
{
    uint32_t damage = view->c->d->m.damage;
    /* Where a direction is missing it is that which hides the end, too. */
    bool half = (damage & TCA_DAMAGE_ONE_WAY) && !only_syns(&view->c->d->m);
    sum->vantage_unknown += view->c->vantage == TCA_VANTAGE_UNKNOWN;
    sum->start_cut += (damage & TCA_DAMAGE_START_CUT) != 0;
    sum->one_way += half;
    sum->gap += (damage & TCA_DAMAGE_GAP) != 0;
    sum->snaplen += (damage & TCA_DAMAGE_SNAPLEN) != 0;
    sum->end_cut +=
        !half && (still_open(&view->c->d->m.side[TCA_CLIENT]) || still_open(&view->c->d->m.side[TCA_SERVER]));
}

int tca_summary_flow(struct tca_summary *sum, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    const struct tca_verdict *v = view->v;
    struct place at = place_of(d->addr[TCA_SERVER], d->family, d->port[TCA_SERVER], d->capture);
    sum->flows++;
    sum->normal += v->verdict < 0;
    bool pending = v->judgement[0].id == TCA_handshake_pending_at_end;
    sum->pending += pending;
    sum->partial += !pending && seen_in_part(view);
    count_answer(&sum->answers, d);
    count_damage(sum, view);

    const struct tca_judgement *overflow = hit_by_overflow(view);
    struct incident *incident = overflow ? incident_at(sum, &at) : NULL;
    if (incident) {
        sum->troubled++;
        incident->connections++;
        if (!incident->example.set)
            keep_example(&incident->example, view, overflow);
        return 0;
    }
    if (v->verdict < 0 || tca_findings[v->judgement[v->verdict].id].severity == TCA_SEVERITY_INFO)
        return 0;
    sum->troubled++;
    int told = told_by(v);
    for (int i = 0; i < v->count; i++)
        if (i != told && tca_findings[v->judgement[i].id].severity > TCA_SEVERITY_INFO)
            sum->kind[v->judgement[i].id].beside++;
    return count_told(sum, view, &v->judgement[told], &at);
}

int tca_summary_listener(struct tca_summary *sum, const struct tca_listener *listener,
                         const struct tca_capture_facts *capture)
{
    if (!listener->episode_count)
        return 0;
    struct place at = place_of(listener->addr, listener->family, listener->port, capture->ordinal);
    struct incident *in = incident_at(sum, &at);
    if (!in) {
        sum->incidents_dropped++;
        return 0;
    }
    in->measured = true;
    in->backlog_min = listener->backlog_min;
    in->backlog_max = listener->backlog_max;
    in->episodes = listener->episode_count;
    for (int i = 0; i < listener->episode_count && i < TCA_EPISODES_MAX; i++) {
        const struct tca_episode *e = &listener->episode[i];
        if (i == 0 || e->first_ns < in->first_ns) {
            in->first_ns = e->first_ns;
            in->first_frame = e->first_frame;
        }
        if (i == 0 || e->last_ns > in->last_ns) {
            in->last_ns = e->last_ns;
            in->last_frame = e->last_frame;
        }
        if (i == 0 || e->flows > in->worst.flows)
            in->worst = *e;
        in->drops += e->drops;
        in->ignored += e->ignored;
        in->aborted += e->aborted;
        in->flows += e->flows;
        in->lost += e->lost;
    }
    return 0;
}

/* ---- lines ---- */

static const int64_t DAY_NS = INT64_C(86400000000000);

struct page {
    struct tca_buf out;
    int lines, line_start; /* lines ended; where the open one begins in out */
    bool several_captures;
    const char *options; /* as in the summary */
    int64_t day_ns;      /* begin of the first packet's day: other days are written out */
};

/* Columns of a text: bytes that do not continue a UTF-8 sequence. */
static size_t columns_of(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

static size_t width_of(const struct tca_buf *buf)
{
    return buf->failed || !buf->used ? 0 : columns_of(buf->bytes, buf->used);
}

/* End the open line; what is wider than the page is cut, and shows that it was. */
static void end_line(struct page *page)
{
    size_t start = (size_t)page->line_start;
    if (page->out.failed)
        return;
    if (columns_of(page->out.bytes + start, page->out.used - start) > LINE_WIDTH) {
        size_t end = start, columns = 0;
        while (columns < LINE_WIDTH - 2 || ((unsigned char)page->out.bytes[end] & 0xc0) == 0x80) {
            columns += ((unsigned char)page->out.bytes[end] & 0xc0) != 0x80;
            end++;
        }
        page->out.used = end;
        tca_buf_str(&page->out, "..");
    }
    tca_buf_char(&page->out, '\n');
    page->lines++;
    page->line_start = (int)page->out.used;
}

/* Of the first packet's day the clock alone, in UTC as the head says; else the date too. */
static void add_clock(const struct page *page, struct tca_buf *out, int64_t time_ns)
{
    struct tca_buf text = {0};
    tca_buf_iso(&text, time_ns, 3);
    const char *iso = tca_buf_text(&text), *clock = strchr(iso, 'T');
    bool same_day = time_ns >= page->day_ns && time_ns - page->day_ns < DAY_NS;
    if (same_day && clock)
        tca_buf_add(out, clock + 1, strcspn(clock + 1, "Z"));
    else
        tca_buf_str(out, iso);
    out->failed |= text.failed;
    tca_buf_done(&text);
}

/* The lines that the first `bytes` of a text take behind `indent` columns. */
static int lines_of(size_t indent, const char *text, size_t bytes)
{
    size_t column = indent, at = 0;
    int lines = 1;
    for (bool first = true; at < bytes && text[at]; first = false) {
        size_t word = strcspn(text + at, " ");
        if (word > bytes - at)
            word = bytes - at;
        size_t width = columns_of(text + at, word);
        bool wraps = !first && column + 1 + width > (size_t)LINE_WIDTH;
        lines += wraps;
        column = wraps ? indent + width : column + width + !first;
        at += word;
        at += strspn(text + at, " ");
    }
    return lines;
}

/* A text behind a head, over as many lines as it takes. */
static void add_wrapped(struct page *page, const char *head, const char *text)
{
    size_t indent = strlen(head), column = indent;
    tca_buf_str(&page->out, head);
    for (bool first = true; *text;) {
        size_t word = strcspn(text, " "), width = columns_of(text, word);
        if (!first && column + 1 + width > (size_t)LINE_WIDTH) {
            end_line(page);
            tca_buf_fmt(&page->out, "%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        if (!first)
            tca_buf_char(&page->out, ' ');
        tca_buf_add(&page->out, text, word);
        column += width + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    end_line(page);
}

/* Whole sentences only, as many as fit in `lines_max` lines, but at least the first. */
static void add_sentences(struct page *page, const char *head, const char *text, int lines_max)
{
    size_t indent = strlen(head), end = 0;
    for (const char *at = text; *at;) {
        const char *stop = strstr(at, ". ");
        size_t next = stop ? (size_t)(stop - text) + 1 : strlen(text);
        if (end && lines_of(indent, text, next) > lines_max)
            break;
        end = next;
        at = text + end + strspn(text + end, " ");
    }
    struct tca_buf whole = {0};
    tca_buf_add(&whole, text, end);
    add_wrapped(page, head, tca_buf_text(&whole));
    page->out.failed |= whole.failed;
    tca_buf_done(&whole);
}

/* Whole items only, as many as fit in `lines_max` lines; ".." stands for the others. `between` ends in a blank. */
static void add_items(struct page *page, const char *head, const char *text, const char *between,
                      int lines_max)
{
    struct tca_buf some = {0};
    for (const char *at = text; *at;) {
        const char *stop = strstr(at, between);
        size_t used = some.used;
        tca_buf_add(&some, at, stop ? (size_t)(stop - at) : strlen(at));
        size_t fits = some.used;
        if (stop)
            tca_buf_fmt(&some, "%s..", between); /* room for it is kept, unless this is the last */
        bool over = lines_of(strlen(head), tca_buf_text(&some), some.used) > lines_max;
        some.used = over ? used : fits;
        if (over)
            tca_buf_str(&some, "..");
        if (over || !stop)
            break;
        tca_buf_str(&some, between);
        at = stop + strlen(between);
    }
    add_wrapped(page, head, tca_buf_text(&some));
    page->out.failed |= some.failed;
    tca_buf_done(&some);
}

static void add_count(struct tca_buf *out, uint64_t count, const char *one, const char *many)
{
    tca_buf_u64(out, count);
    tca_buf_str(out, count == 1 ? one : many);
}

static bool plain_for_shell(const char *name)
{
    return name[0] != '-' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "_./,:=@%+-")] == '\0';
}

/* A file name as it can be typed: quoted for a shell where it needs that. */
static void add_file(struct tca_buf *out, const char *file)
{
    if (!file[0]) {
        tca_buf_str(out, "CAPTURE");
        return;
    }
    if (plain_for_shell(file)) {
        tca_buf_str(out, file);
        return;
    }
    tca_buf_char(out, '\'');
    for (const char *c = file; *c; c++)
        tca_buf_add(out, *c == '\'' ? "'\\''" : c, *c == '\'' ? 4 : 1);
    tca_buf_char(out, '\'');
}

static void add_proof(struct page *page, const struct example *example)
{
    if (!example->set)
        return;
    tca_buf_fmt(&page->out, "   proof: stream=%llu frames ", (unsigned long long)example->stream);
    for (int i = 0; i < example->frame_count; i++)
        tca_buf_fmt(&page->out, "%s%llu", i ? ";" : "", (unsigned long long)example->frame[i]);
    end_line(page);
    struct tca_buf command = {0};
    tca_buf_fmt(&command, "tcpautopsy explain %s%sstream=%llu ", page->options, page->options[0] ? " " : "",
                (unsigned long long)example->stream);
    size_t before_file = command.used;
    add_file(&command, example->file);
    if (width_of(&command) > LINE_WIDTH) { /* a cut command would be a wrong one */
        command.used = before_file;
        tca_buf_str(&command, "CAPTURE");
    }
    bool indent = width_of(&command) + 5 <= LINE_WIDTH;
    tca_buf_fmt(&page->out, "%s%s", indent ? "   $ " : "", tca_buf_text(&command));
    page->out.failed |= command.failed;
    tca_buf_done(&command);
    end_line(page);
}

/* ---- head and tail ---- */

/* A name that leaves room for the counts beside it: the last part of a long path. */
static void add_short_name(struct tca_buf *out, const char *name)
{
    enum { NAME_WIDTH = 26 };
    const char *slash = strrchr(name, '/');
    if (strlen(name) > NAME_WIDTH && slash)
        name = slash + 1;
    if (!name[0])
        name = "capture";
    tca_buf_fmt(out, "%.*s%s", (int)(strlen(name) > NAME_WIDTH ? NAME_WIDTH - 2 : strlen(name)), name,
                strlen(name) > NAME_WIDTH ? ".." : "");
}

static void add_head(struct page *page, const struct tca_summary *sum)
{
    static const char *const taken[] = {[TCA_VANTAGE_UNKNOWN] = "vantage unknown",
                                        [TCA_VANTAGE_CLIENT] = "captured at the client",
                                        [TCA_VANTAGE_SERVER] = "captured at the server",
                                        [TCA_VANTAGE_MIDDLE] = "captured between the ends",
                                        [TCA_VANTAGE_SAME_HOST] = "near both ends"};
    struct tca_buf *out = &page->out;
    if (sum->captures == 1)
        add_short_name(out, sum->name);
    else
        add_count(out, sum->captures, " capture", " captures");
    tca_buf_str(out, ": ");
    add_count(out, sum->packets, " packet, ", " packets, ");
    tca_buf_u64(out, sum->tcp_packets);
    tca_buf_str(out, " TCP, ");
    add_count(out, sum->flows, " connection", " connections");
    end_line(page);
    if (sum->first_ns < 0)
        return;
    tca_buf_iso(out, sum->first_ns, 3);
    tca_buf_str(out, " to ");
    add_clock(page, out, sum->last_ns);
    tca_buf_str(out, " (");
    tca_buf_seconds(out, sum->last_ns - sum->first_ns, sum->last_ns - sum->first_ns < DAY_NS ? 3 : 0);
    tca_buf_fmt(out, " s), %s", sum->several_vantages ? "several vantages" : taken[sum->vantage]);
    end_line(page);
}

static void add_reason(struct tca_buf *text, uint64_t count, const char *one, const char *many)
{
    if (!count)
        return;
    if (text->used)
        tca_buf_str(text, "; ");
    add_count(text, count, one, many);
}

/* What a filter or a time window took away may be in the capture all the same. */
static const char *begun_before(const struct tca_summary *sum)
{
    return sum->left_out ? " begun before what was read" : " begun before the capture";
}

static void add_tail(struct page *page, const struct tca_summary *sum)
{
    struct tca_buf text = {0};
    const struct {
        uint64_t count;
        const char *one, *many; /* NULL: the same */
    } reason[] = {
        {sum->not_whole, " capture not read to its end", " captures not read to their end"},
        {sum->left_out, " packet left out by -f, -A or -B", " packets left out by -f, -A or -B"},
        {sum->undecoded, " packet not decodable", " packets not decodable"},
        {sum->vantage_unknown, " from an unknown vantage (--vantage tells)", NULL},
        {sum->start_cut, begun_before(sum), NULL},
        {sum->one_way, " seen in one direction only", NULL},
        {sum->gap, " with bytes that were not captured", NULL},
        {sum->snaplen, " with options cut by the snap length", NULL},
        {sum->end_cut, " still open when the capture ended", NULL},
    };
    for (size_t i = 0; i < sizeof reason / sizeof reason[0]; i++)
        add_reason(&text, reason[i].count, reason[i].one, reason[i].many ? reason[i].many : reason[i].one);
    if (!text.used)
        tca_buf_str(&text, "nothing: every connection was seen whole");
    add_items(page, "not judged: ", tca_buf_text(&text), "; ", 3);
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

/* ---- blocks ---- */

struct block {
    enum tca_severity severity;
    uint64_t count;
    int64_t first_ns;
    int id; /* finding; -1: an incident */
    const struct tally *tally;
    const struct incident *incident;
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

static void add_backlog(struct tca_buf *out, const struct incident *in)
{
    unsigned low = in->backlog_min, high = in->backlog_max;
    if (low && low == high)
        tca_buf_fmt(out, "(%u now) ", low);
    else if (low && high)
        tca_buf_fmt(out, "(%u to %u now) ", low, high);
    else if (low || high)
        tca_buf_fmt(out, "(at %s %u now) ", low ? "least" : "most", low ? low : high);
}

static void add_incident_head(struct page *page, const struct incident *in)
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

/* What the service did meanwhile: the difference decides what to change first. */
static void add_service(struct page *page, const struct tca_episode *e)
{
    struct tca_buf *out = &page->out;
    if (e->slow) {
        tca_buf_str(out, "   slow: it never stopped, but accepts fewer than arrive");
    } else {
        tca_buf_str(out, e->partial ? "   frozen: one queue of several (SO_REUSEPORT)"
                                    : "   frozen: nothing accepted");
        if (e->stall_ns >= 0) {
            tca_buf_str(out, " from ");
            add_clock(page, out, e->stall_ns);
        }
        if (e->resume_ns >= 0) {
            tca_buf_str(out, " to ");
            add_clock(page, out, e->resume_ns);
        }
    }
    end_line(page);
}

static void add_change(struct page *page, const struct incident *in)
{
    struct tca_buf text = {0};
    tca_buf_str(&text, in->measured && in->worst.slow ? "speed up the accept loop (more workers)"
                                                      : "find what stops the accept loop");
    tca_buf_str(&text, "; raise the listen() backlog ");
    add_backlog(&text, in);
    tca_buf_str(&text, "and net.core.somaxconn together (the smaller one counts)");
    add_wrapped(page, "   change: ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

static void add_span(struct page *page, const struct incident *in)
{
    struct tca_buf text = {0};
    add_clock(page, &text, in->first_ns);
    tca_buf_str(&text, " until ");
    add_clock(page, &text, in->last_ns);
    tca_buf_str(&text, " (");
    tca_buf_seconds(&text, in->last_ns - in->first_ns, 3);
    tca_buf_fmt(&text, " s), frames %llu to %llu", (unsigned long long)in->first_frame,
                (unsigned long long)in->last_frame);
    add_wrapped(page, "   since ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

static void add_hit(struct page *page, const struct incident *in)
{
    struct tca_buf text = {0};
    add_count(&text, in->flows, " connection", " connections");
    if (in->episodes == 1) { /* clients of several episodes may be the same ones */
        tca_buf_str(&text, " of ");
        add_count(&text, in->worst.clients, " client", " clients");
    }
    tca_buf_fmt(&text, ", %llu lost; %llu SYNs dropped, %llu ACKs ignored", (unsigned long long)in->lost,
                (unsigned long long)in->drops, (unsigned long long)in->ignored);
    if (in->aborted)
        tca_buf_fmt(&text, ", %llu reset (tcp_abort_on_overflow)", (unsigned long long)in->aborted);
    add_wrapped(page, "   hit: ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

static void add_incident(struct page *page, const struct incident *in)
{
    add_incident_head(page, in);
    end_line(page);
    if (in->measured) {
        add_span(page, in);
        add_hit(page, in);
        add_service(page, &in->worst);
    }
    add_change(page, in);
    add_proof(page, &in->example);
}

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
    end_line(page);
    tca_buf_str(&text, "since ");
    add_clock(page, &text, b->first_ns);
    tca_buf_fmt(&text, ": %s", f->meaning ? f->meaning : b->tally->text);
    add_wrapped(page, "   ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
    if (f->host && f->host[0])
        add_sentences(page, "   host: ", f->host, 3);
    add_proof(page, &b->tally->example);
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
    if (b->incident) {
        add_incident_head(page, b->incident);
        tca_buf_fmt(out, ", %llu connections", (unsigned long long)b->count);
        add_selector(page, b->incident->at.capture, &b->incident->example);
    } else {
        tca_buf_fmt(out, "%s %llux %s at ", sign(b->severity), (unsigned long long)b->count,
                    tca_findings[b->id].id);
        add_place(out, &b->tally->at);
        add_selector(page, b->tally->at.capture, &b->tally->example);
    }
    end_line(page);
}

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
    const struct place *x = a->incident ? &a->incident->at : &a->tally->at;
    const struct place *y = b->incident ? &b->incident->at : &b->tally->at;
    if (x->capture != y->capture)
        return x->capture < y->capture ? -1 : 1;
    int order = memcmp(x->addr, y->addr, sizeof x->addr);
    return order ? order : (x->port > y->port) - (x->port < y->port);
}

static struct block incident_block(const struct incident *in)
{
    return (struct block){.severity = TCA_SEVERITY_HIGH,
                          .count = in->flows > in->connections ? in->flows : in->connections,
                          .first_ns = in->first_ns,
                          .id = -1,
                          .incident = in};
}

static struct block finding_block(int id, const struct tally *tally)
{
    return (struct block){.severity = tca_findings[id].severity,
                          .count = tally->count,
                          .first_ns = tally->first_ns,
                          .id = id,
                          .tally = tally};
}

static size_t gather_blocks(const struct tca_summary *sum, struct block *block)
{
    size_t count = 0;
    for (size_t i = 0; i < sum->incident_count; i++)
        block[count++] = incident_block(&sum->incident[i]);
    for (int id = 0; id < TCA_FINDING_COUNT; id++)
        for (size_t i = 0; i < sum->kind[id].tally_count; i++)
            block[count++] = finding_block(id, &sum->kind[id].tally[i]);
    qsort(block, count, sizeof *block, compare_blocks);
    return count;
}

static void add_block(struct page *page, const struct block *b)
{
    if (b->incident)
        add_incident(page, b->incident);
    else
        add_finding(page, b);
}

/* Append a block in full if `keep` lines remain for those after it; or if there is room in plenty. */
static bool add_if_fits(struct page *page, const struct block *b, int last_line, size_t keep)
{
    struct page trial = *page;
    trial.out = (struct tca_buf){0};
    trial.line_start = 0;
    add_block(&trial, b);
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
static void add_blocks(struct page *page, const struct block *block, size_t count, int last_line)
{
    size_t i = 0;
    for (; i < count; i++) {
        if (add_if_fits(page, &block[i], last_line, i ? count - i - 1 : count > 1))
            continue;
        int left = last_line - page->lines;
        if (left < 1 || (left == 1 && i + 1 < count))
            break;
        add_short(page, &block[i]);
    }
    if (i == count)
        return;
    add_count(&page->out, count - i, " more kind of trouble: ", " more kinds of trouble: ");
    tca_buf_str(&page->out, "see tcpautopsy events");
    end_line(page);
}

/* Enough of them to be told, though no finding yet weighs them. */
static bool many_late(const struct answers *all)
{
    return all->late && all->late * LATE_ONE_IN >= all->count;
}

static void add_why_partial(struct tca_buf *text, const struct tca_summary *sum)
{
    bool begun = sum->start_cut || !sum->one_way;
    if (begun)
        tca_buf_str(text, begun_before(sum));
    if (sum->one_way)
        tca_buf_fmt(text, "%s seen in one direction only", begun ? " or" : "");
}

/* Nothing is wrong in what was seen; how much that says depends on how much was seen. Returns the sign. */
static const char *add_untroubled(struct tca_buf *text, const struct tca_summary *sum)
{
    uint64_t judged = sum->flows - sum->pending, whole = judged - sum->partial;
    if (!sum->flows) {
        tca_buf_str(text, "no TCP connection in what was read");
        return "-- ";
    }
    if (!judged) {
        tca_buf_str(text, "cannot tell: the capture ended before any answer to ");
        add_count(text, sum->pending, " connection", " connections");
        return "?? ";
    }
    if (sum->limited) {
        tca_buf_str(text, "none of the findings asked for in ");
        add_count(text, judged, " connection", " connections");
        return "-- ";
    }
    if (!whole) {
        tca_buf_str(text, "cannot tell: ");
        add_count(text, judged, " connection", " connections");
        add_why_partial(text, sum);
        tca_buf_str(text, "; nothing refused, lost or aborted in what was seen");
        return "?? ";
    }
    if (!many_late(&sum->answers))
        tca_buf_str(text, sum->not_whole ? "healthy as far as read: " : "healthy: ");
    else if (sum->not_whole)
        tca_buf_str(text, "as far as read: ");
    tca_buf_str(text, "nothing refused, lost or aborted in ");
    add_count(text, whole, " connection", " connections");
    return "ok ";
}

/* Connections beside those that could be judged whole. */
static void add_others(struct page *page, const struct tca_summary *sum)
{
    uint64_t judged = sum->flows - sum->pending;
    if (judged > sum->partial && sum->partial && !sum->limited) {
        add_count(&page->out, sum->partial, " more", " more");
        add_why_partial(&page->out, sum);
        tca_buf_char(&page->out, ':');
        end_line(page);
        tca_buf_str(&page->out, "   nothing refused, lost or aborted in what was seen");
        end_line(page);
    }
    if (judged && sum->pending) {
        add_count(&page->out, sum->pending, " more was", " more were");
        tca_buf_str(&page->out, " not answered before the capture ended");
        end_line(page);
    }
}

static void add_healthy(struct page *page, const struct tca_summary *sum)
{
    struct tca_buf text = {0};
    const char *head = add_untroubled(&text, sum);
    add_wrapped(page, head, tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
    add_others(page, sum);
}

/* To two digits or so: more would promise what a median of groups does not hold. */
static void add_wait(struct tca_buf *out, int64_t ns)
{
    static const struct {
        int64_t ns;
        int64_t decimal_below; /* print tenths of the unit */
        const char *name;
    } unit[] = {{1000000000, INT64_MAX, "s"}, {1000000, 10000000, "ms"}, {1000, 10000, "us"}, {1, 0, "ns"}};
    size_t i = 0;
    while (ns < unit[i].ns && unit[i].ns > 1)
        i++;
    tca_buf_i64(out, ns / unit[i].ns);
    if (ns < unit[i].decimal_below)
        tca_buf_fmt(out, ".%d", (int)(ns % unit[i].ns / (unit[i].ns / 10)));
    tca_buf_fmt(out, " %s", unit[i].name);
}

/* A fact without a sign: a service may have its reasons to think. */
static void add_answers(struct page *page, const struct tca_summary *sum)
{
    const struct answers *all = &sum->answers;
    struct tca_buf text = {0};
    if (!many_late(all))
        return;
    tca_buf_str(&text, "median ");
    add_wait(&text, median_answer(all));
    tca_buf_fmt(&text, ", %llu of %llu waited over 1 s, longest ", (unsigned long long)all->late,
                (unsigned long long)all->count);
    add_wait(&text, all->longest_ns);
    tca_buf_str(&text, " (stream=");
    if (page->several_captures)
        tca_buf_fmt(&text, "c%u:", (unsigned)all->longest_capture);
    tca_buf_fmt(&text, "%llu)", (unsigned long long)all->longest_stream);
    add_wrapped(page, "first answer: ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

/* What stands beside other verdicts and has no line of its own, most frequent first. */
static void add_beside(struct page *page, const struct tca_summary *sum)
{
    struct tca_buf text = {0};
    bool told[TCA_FINDING_COUNT] = {false};
    for (;;) {
        int most = -1;
        for (int id = 0; id < TCA_FINDING_COUNT; id++)
            if (sum->kind[id].beside && !told[id] &&
                (most < 0 || sum->kind[id].beside > sum->kind[most].beside))
                most = id;
        if (most < 0)
            break;
        told[most] = true;
        tca_buf_fmt(&text, "%s%llux %s", text.used ? ", " : "", (unsigned long long)sum->kind[most].beside,
                    tca_findings[most].id);
    }
    if (text.used)
        add_items(page, "beside these: ", tca_buf_text(&text), ", ", 2);
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

static void add_elsewhere(struct page *page, const struct tca_summary *sum)
{
    uint64_t elsewhere = sum->incidents_dropped;
    for (int id = 0; id < TCA_FINDING_COUNT; id++)
        elsewhere += sum->kind[id].elsewhere;
    if (!elsewhere)
        return;
    tca_buf_fmt(&page->out, "%llu more at further servers: see tcpautopsy flows",
                (unsigned long long)elsewhere);
    end_line(page);
}

int tca_summary_incident(struct tca_summary *sum, const struct tca_incident *one,
                         const struct tca_capture_facts *capture)
{
    (void)sum;
    (void)one;
    (void)capture;
    return TCA_OK;
}

int tca_summary_write(struct tca_summary *sum, tca_write_fn *fn, void *user)
{
    struct block *block =
        tca_alloc((INCIDENTS_MAX + (size_t)TCA_FINDING_COUNT * SERVERS_MAX) * sizeof *block);
    if (!block)
        return TCA_EMEMORY;
    struct page page = {.several_captures = sum->captures > 1,
                        .options = sum->options,
                        .day_ns = sum->first_ns >= 0 ? sum->first_ns - sum->first_ns % DAY_NS : 0};
    struct page tail = page;
    add_tail(&tail, sum);
    add_answers(&tail, sum);
    add_beside(&tail, sum); /* measured here for its lines, written before the tail */
    add_elsewhere(&tail, sum);

    add_head(&page, sum);
    end_line(&page);
    size_t count = gather_blocks(sum, block);
    if (count)
        add_blocks(&page, block, count, LINES_MAX - tail.lines - 1);
    else
        add_healthy(&page, sum);
    add_answers(&page, sum);
    add_beside(&page, sum);
    add_elsewhere(&page, sum);
    end_line(&page);
    add_tail(&page, sum);

    int r = page.out.failed || tail.out.failed ? TCA_EMEMORY : 0;
    if (r == 0 && fn(user, page.out.bytes, page.out.used) != 0)
        r = TCA_EOUTPUT;
    tca_buf_done(&page.out);
    tca_buf_done(&tail.out);
    tca_free(block);
    return r;
}
