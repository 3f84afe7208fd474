/* SPDX-License-Identifier: MIT
 *
 * Timelines for the tests of the mirror: a text that is read line by line, each line either a segment that
 * passes the capture point, something else that happens, or an expectation checked on the spot.
 *
 *      0.000 > S                          client to server, at 0.000 s; frames are numbered from 1
 *      0.010 < SA lost                    passed the capture point, never arrived: later default numbers know
 *      +0.100 > PA len=100 seq=1          seconds after the line above; numbers relative to the sender's ISN
 *      0.300 icmp 3 1 >                   ICMP error quoting the newest segment of that direction
 *      clock 60.5                         let the clocks run until then
 *      finish                             end of the flow
 *      flow WORD...                       first line: nots, noscale (options not offered), noid (IPv6),
 * middle (no handshake captured, numbers begin at 1000) = client ESTABLISHED! path SYN_SENT;ESTABLISHED =
 * mark 4 SYNACK copy=2 refuting = client.bytes 100
 *
 * Segments: FLAGS are letters of S F R P A U E C, "." for none. seq defaults to SND.NXT (0 on a SYN), ack to
 * the highest byte that arrived in order; "@N" is an absolute number. len, win (unscaled), id, ttl; tsval in
 * milliseconds after the sender's clock base; tsecr=N echoes the TSval of frame N. sack=FROM-TO. Words: lost;
 * unseen (arrives, is not captured); copy (the line above again, made by the network tap); nots; forged (the
 * sender knows nothing of it); badsum, unfinished (checksums); cut (options); tfo; witness (given to
 * tca_mirror_witness). IP identifications count per socket and are 0 on a listener's SYN+ACK and on resets
 * without a socket, as on Linux.
 *
 * Expectations, `= SIDE ITEM...`: STATE (STATE! proved, STATE? assumed), `may STATE` and `not STATE` (one of
 * the readings still possible), `path S;S;...` (different states after LISTEN, CLOSED and UNKNOWN; "-" none),
 * `at FRAME STATE`. STATE may be a set, A|B. `= mark FRAME ROLE,... KEY=VALUE WORD !WORD`, `= nomark FRAME
 * ROLE`,
 * `= FIELD VALUE`.
 *
 * Invariants checked after every segment: at most two readings per side, the assumed one among them, history
 * in order of time and frames, limits kept.
 */
#ifndef TCA_TESTS_MIRROR_SCRIPT_H
#define TCA_TESTS_MIRROR_SCRIPT_H

#include <check.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "artefact/copy.h"
#include "mirror/mirror.h"

enum { SCRIPT_FRAMES = 96, SCRIPT_LINE = 256, SCRIPT_TEXT = 4096 };
#define SCRIPT_EPOCH_NS (INT64_C(1700000000) * 1000000000)

struct script_row {
    const char *name;
    const char *why;
    const char *text;
};

/* What one emulated endpoint knows. Numbers are relative to the ISNs. */
struct script_end {
    uint32_t isn, ts_base;
    uint32_t nxt, got; /* SND.NXT; highest byte that arrived in order */
    uint32_t ts_got;   /* newest TSval that arrived */
    uint16_t ip_id;
};

struct script {
    const struct script_row *row;
    int line_number;
    const char *line;
    struct script_end end[2];
    bool no_ts, no_scale, no_id;
    int64_t now_ns;
    struct tca_mirror_context ctx;
    struct tca_mirror m;
    struct tca_copies copies;
    struct tca_segment sent[SCRIPT_FRAMES + 1]; /* by frame number */
    int from[SCRIPT_FRAMES + 1];
    int frames;
    bool begun;
};

static const char *const script_states[TCA_STATE_COUNT] = {
    [TCA_LISTEN] = "LISTEN",           [TCA_SYN_SENT] = "SYN_SENT",   [TCA_SYN_RECV] = "SYN_RECV",
    [TCA_ESTABLISHED] = "ESTABLISHED", [TCA_FIN_WAIT1] = "FIN_WAIT1", [TCA_FIN_WAIT2] = "FIN_WAIT2",
    [TCA_CLOSE_WAIT] = "CLOSE_WAIT",   [TCA_CLOSING] = "CLOSING",     [TCA_LAST_ACK] = "LAST_ACK",
    [TCA_TIME_WAIT] = "TIME_WAIT",     [TCA_CLOSED] = "CLOSED",       [TCA_UNKNOWN] = "UNKNOWN",
};
static const char *const script_sides[2] = {"client", "server"};

/* ---- failing with everything a reader needs ---- */

static void script_show_side(const struct tca_side *side, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < side->step_count && used < size; i++) {
        const struct tca_step *step = &side->step[i];
        int n = snprintf(text + used, size - used, " %s%c@%llu", script_states[step->state],
                         step->proved ? '!' : '?', (unsigned long long)step->frame);
        used += n > 0 ? (size_t)n : 0;
    }
    for (int state = 0; state < TCA_STATE_COUNT && used < size; state++) {
        if (!tca_side_may_be(side, (enum tca_state)state) || (int)tca_side_state(side) == state)
            continue;
        int n = snprintf(text + used, size - used, " or %s", script_states[state]);
        used += n > 0 ? (size_t)n : 0;
    }
}

static void script_fail(const struct script *s, const char *what, const char *got)
{
    char client[512], server[512];

    script_show_side(&s->m.side[TCA_CLIENT], client, sizeof(client));
    script_show_side(&s->m.side[TCA_SERVER], server, sizeof(server));
    ck_abort_msg("%s (%s)\n  line %d: %s\n  %s, got %s\n  client:%s\n  server:%s", s->row->name, s->row->why,
                 s->line_number, s->line, what, got, client, server);
}

static void script_expect(const struct script *s, bool good, const char *what, const char *got)
{
    if (!good)
        script_fail(s, what, got);
}

static void script_expect_int(const struct script *s, int64_t want, int64_t got, const char *what)
{
    char text[48];

    snprintf(text, sizeof(text), "%lld instead of %lld", (long long)got, (long long)want);
    script_expect(s, want == got, what, text);
}

/* ---- words ---- */

static int64_t script_seconds(const char *text)
{
    return (int64_t)llround(strtod(text, NULL) * 1e9);
}

/* "A|B" as a set of states. */
static unsigned script_state_set(const struct script *s, const char *text)
{
    unsigned set = 0;

    while (*text) {
        size_t len = strcspn(text, "|");
        int state = 0;
        while (state < TCA_STATE_COUNT &&
               (strlen(script_states[state]) != len || strncmp(script_states[state], text, len) != 0))
            state++;
        script_expect(s, state < TCA_STATE_COUNT, "a state's name", text);
        set |= 1u << state;
        text += len + (text[len] == '|');
    }
    return set;
}

static int script_side(const struct script *s, const char *word)
{
    for (int side = 0; side < 2; side++) {
        if (strcmp(word, script_sides[side]) == 0)
            return side;
    }
    script_fail(s, "client or server", word);
    return TCA_CLIENT;
}

static uint16_t script_flags(const struct script *s, const char *word)
{
    static const char letters[] = "FSRPAUEC";
    unsigned flags = 0;

    for (; *word && *word != '.'; word++) {
        const char *at = strchr(letters, *word);
        script_expect(s, at != NULL, "a flag's letter", word);
        flags |= 1u << (unsigned)(at - letters);
    }
    return (uint16_t)flags;
}

/* "N" relative to `isn`, "@N" absolute. */
static uint32_t script_number(const char *value, uint32_t isn)
{
    if (*value == '@')
        return (uint32_t)strtoll(value + 1, NULL, 10);
    return isn + (uint32_t)strtoll(value, NULL, 10);
}

/* ---- segments ---- */

/* A line being read: the segment, and what becomes of it. */
struct script_packet {
    struct tca_segment seg;
    bool lost, unseen, forged, witness, has_id;
};

static void script_ts(struct script *s, struct script_packet *p, int from, int64_t time_ns)
{
    struct tca_options *opt = &p->seg.opt;

    opt->has_ts = true;
    opt->tsval = s->end[from].ts_base + (uint32_t)((time_ns - SCRIPT_EPOCH_NS) / 1000000);
    opt->tsecr = (p->seg.flags & TCA_ACK) ? s->end[from].ts_got : 0;
}

static void script_order(struct tca_options *opt, const uint8_t *kinds, size_t count)
{
    memcpy(opt->order, kinds, count);
    opt->order_count = (uint8_t)count;
}

static void script_syn_options(const struct script *s, struct tca_options *opt)
{
    static const uint8_t full[] = {2, 4, 8, 1, 3}, bare[] = {2, 1, 1, 4};

    opt->has_mss = true;
    opt->mss = 1460;
    opt->sack_ok = true;
    opt->has_wscale = !s->no_scale;
    opt->wscale = s->no_scale ? 0 : 7;
    script_order(opt, s->no_ts ? bare : full, s->no_ts ? sizeof(bare) : sizeof(full));
}

/* A reset from a host without a socket: it has no acknowledgment, or nothing else. */
static bool script_is_reply_reset(const struct tca_segment *seg)
{
    return (seg->flags & TCA_RST) && (!(seg->flags & TCA_ACK) || seg->seq == 0);
}

static void script_defaults(struct script *s, struct script_packet *p, int from, uint16_t flags)
{
    struct script_end *me = &s->end[from], *peer = &s->end[1 - from];
    struct tca_segment *seg = &p->seg;

    memset(p, 0, sizeof(*p));
    seg->time_ns = s->now_ns;
    seg->flags = flags;
    seg->family = s->no_id ? 6 : 4;
    seg->ttl = 64;
    seg->has_ip_id = seg->df = !s->no_id;
    seg->direction = 255;
    seg->checksum = TCA_CHECKSUM_GOOD;
    seg->src[10] = seg->src[11] = seg->dst[10] = seg->dst[11] = 0xff;
    seg->src[15] = (uint8_t)(1 + from);
    seg->dst[15] = (uint8_t)(2 - from);
    seg->sport = from == TCA_CLIENT ? 40000 : 80;
    seg->dport = from == TCA_CLIENT ? 80 : 40000;
    seg->seq = me->isn + ((flags & TCA_SYN) ? 0 : me->nxt);
    seg->ack = (flags & TCA_ACK) ? peer->isn + me->got : 0;
    seg->window = ((flags & TCA_SYN) || s->no_scale) ? 64240 : 502;
    if (flags & TCA_SYN)
        script_syn_options(s, &seg->opt);
    if (!s->no_ts)
        script_ts(s, p, from, s->now_ns);
}

static void script_sack(const struct script *s, struct script_packet *p, int from, const char *value)
{
    const char *dash = strchr(value, '-');

    script_expect(s, dash != NULL && p->seg.opt.sack_count < 4, "sack=FROM-TO", value);
    uint32_t *block = p->seg.opt.sack[p->seg.opt.sack_count++];
    block[0] = script_number(value, s->end[1 - from].isn);
    block[1] = script_number(dash + 1, s->end[1 - from].isn);
}

static bool script_packet_value(struct script *s, struct script_packet *p, int from, const char *key,
                                const char *value)
{
    struct tca_segment *seg = &p->seg;
    uint32_t n = (uint32_t)strtoll(value, NULL, 10);

    if (strcmp(key, "seq") == 0) {
        seg->seq = script_number(value, s->end[from].isn);
    } else if (strcmp(key, "ack") == 0) {
        seg->ack = script_number(value, s->end[1 - from].isn);
    } else if (strcmp(key, "len") == 0) {
        seg->len = seg->captured = n;
    } else if (strcmp(key, "win") == 0) {
        seg->window = (uint16_t)n;
    } else if (strcmp(key, "id") == 0) {
        seg->ip_id = (uint16_t)n;
        p->has_id = true;
    } else if (strcmp(key, "ttl") == 0) {
        seg->ttl = (uint8_t)n;
    } else if (strcmp(key, "tsval") == 0) {
        seg->opt.tsval = s->end[from].ts_base + n;
    } else if (strcmp(key, "tsecr") == 0 && n >= 1 && n <= (uint32_t)s->frames) {
        seg->opt.tsecr = s->sent[n].opt.tsval;
    } else if (strcmp(key, "sack") == 0) {
        script_sack(s, p, from, value);
    } else {
        return false;
    }
    return true;
}

static bool script_packet_word(struct script_packet *p, const char *word)
{
    const struct {
        const char *word;
        bool *flag;
        bool value;
    } words[] = {
        {"lost", &p->lost, true},
        {"unseen", &p->unseen, true},
        {"forged", &p->forged, true},
        {"witness", &p->witness, true},
        {"nots", &p->seg.opt.has_ts, false},
        {"tfo", &p->seg.opt.has_tfo, true},
        {"cut", &p->seg.opt.cut, true},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].word) == 0) {
            *words[i].flag = words[i].value;
            return true;
        }
    }
    if (strcmp(word, "badsum") == 0)
        p->seg.checksum = TCA_CHECKSUM_BAD;
    else if (strcmp(word, "unfinished") == 0)
        p->seg.checksum = TCA_CHECKSUM_UNFINISHED;
    else
        return false;
    return true;
}

/* The words after the flags. */
static void script_packet_words(struct script *s, struct script_packet *p, int from, char **rest)
{
    for (char *word; (word = strtok_r(NULL, " ", rest)) != NULL;) {
        char *equals = strchr(word, '=');
        bool known;
        if (equals) {
            *equals = '\0';
            known = script_packet_value(s, p, from, word, equals + 1);
        } else {
            known = script_packet_word(p, word);
        }
        script_expect(s, known, "a word of a segment", word);
    }
}

/* What Linux puts outside TCP, unless the line says otherwise. */
static void script_ip_header(struct script *s, struct script_packet *p, int from)
{
    struct tca_segment *seg = &p->seg;
    bool request = (seg->flags & TCA_SYN) && (seg->flags & TCA_ACK) && from == TCA_SERVER;

    if (script_is_reply_reset(seg)) {
        seg->opt.has_ts = false;
        seg->window = 0;
    }
    if (!p->has_id && !s->no_id)
        seg->ip_id = (request || script_is_reply_reset(seg)) ? 0 : s->end[from].ip_id++;
    if (!(seg->flags & TCA_SYN) && seg->opt.has_ts) {
        static const uint8_t kinds[] = {1, 1, 8};
        script_order(&seg->opt, kinds, sizeof(kinds));
    }
    if (!seg->opt.has_ts)
        seg->opt.tsval = seg->opt.tsecr = 0;
}

/* What both ends know after this segment. */
static void script_deliver(struct script *s, const struct script_packet *p, int from)
{
    struct script_end *me = &s->end[from], *peer = &s->end[1 - from];
    uint32_t seq = p->seg.seq - me->isn, end = tca_segment_end(&p->seg) - me->isn;

    if (p->forged || (p->seg.flags & TCA_RST))
        return;
    if ((int32_t)(end - me->nxt) > 0)
        me->nxt = end;
    if (p->lost)
        return;
    if ((int32_t)(seq - peer->got) <= 0 && (int32_t)(end - peer->got) > 0)
        peer->got = end;
    if (p->seg.opt.has_ts && (int32_t)(seq - peer->got) <= 0)
        peer->ts_got = p->seg.opt.tsval;
}

static void script_invariants(struct script *s)
{
    const struct tca_mirror *m = &s->m;

    for (int i = 0; i < 2; i++) {
        const struct tca_side *side = &m->side[i];
        int readings = 0;
        for (int state = 0; state < TCA_STATE_COUNT; state++)
            readings += tca_side_may_be(side, (enum tca_state)state);
        script_expect(s, readings >= 1 && readings <= 2, "one or two readings", readings ? "more" : "none");
        script_expect(s, tca_side_may_be(side, tca_side_state(side)), "assumed state is a reading", "not");
        script_expect(s, side->step_count <= TCA_STEPS_MAX, "bounded steps", "more");
        script_expect(s, side->hole_count <= TCA_HOLES_MAX, "bounded holes", "more");
        for (int k = 1; k < side->step_count; k++) {
            script_expect(s, side->step[k].time_ns >= side->step[k - 1].time_ns, "steps in time order",
                          "not");
            script_expect(s, side->step[k].frame >= side->step[k - 1].frame, "steps in frame order", "not");
        }
    }
    script_expect(s, m->mark_count <= TCA_MARKS_MAX, "bounded marks", "more");
}

/* As pass 1 does: copies of the capture are counted, and the mirrors see the rest. */
static int script_show(struct script *s, const struct tca_segment *seg, int from)
{
    if (!tca_copies_find(&s->copies, seg, from))
        return tca_mirror_step(&s->ctx, &s->m, seg, from);
    tca_mirror_copy(&s->m, from);
    return 0;
}

static void script_step(struct script *s, const struct script_packet *p, int from)
{
    struct tca_segment seg = p->seg;

    script_expect(s, s->frames < SCRIPT_FRAMES, "few frames", "too many");
    seg.frame = (uint64_t)++s->frames;
    s->sent[s->frames] = seg;
    s->from[s->frames] = from;
    if (!s->begun)
        tca_mirror_begin(&s->m, &seg);
    s->begun = true;
    int rc = p->witness ? tca_mirror_witness(&s->ctx, &s->m, &seg, from) : script_show(s, &seg, from);
    script_expect_int(s, 0, rc, "success");
    script_invariants(s);
}

static void script_copy_last(struct script *s)
{
    struct script_packet p = {.seg = s->sent[s->frames]};

    p.seg.time_ns = s->now_ns;
    script_step(s, &p, s->from[s->frames]);
}

static void script_packet(struct script *s, const char *direction, char **rest)
{
    struct script_packet p;
    int from = strcmp(direction, "<") == 0 ? TCA_SERVER : TCA_CLIENT;
    const char *flags = strtok_r(NULL, " ", rest);

    script_expect(s, flags != NULL && strspn(direction, "<>") == 1, "DIRECTION FLAGS", direction);
    if (strcmp(flags, "copy") == 0) {
        script_copy_last(s);
        return;
    }
    script_defaults(s, &p, from, script_flags(s, flags));
    script_packet_words(s, &p, from, rest);
    script_ip_header(s, &p, from);
    if (!p.unseen)
        script_step(s, &p, from);
    script_deliver(s, &p, from);
}

/* TIME icmp TYPE CODE DIRECTION [iss=N]: an error that quotes the newest segment of that direction. */
static void script_icmp(struct script *s, char **rest)
{
    const char *type = strtok_r(NULL, " ", rest), *code = strtok_r(NULL, " ", rest);
    const char *direction = strtok_r(NULL, " ", rest), *other = strtok_r(NULL, " ", rest);

    script_expect(s, direction != NULL, "icmp TYPE CODE DIRECTION", "less");
    int from = strcmp(direction, "<") == 0 ? TCA_SERVER : TCA_CLIENT, frame = s->frames;
    while (frame > 0 && s->from[frame] != from)
        frame--;
    script_expect(s, frame > 0 && s->frames < SCRIPT_FRAMES, "something to quote", "nothing");

    struct tca_segment quote = s->sent[frame];
    quote.time_ns = s->now_ns;
    quote.frame = (uint64_t)++s->frames;
    quote.quoted = quote.quote_cut = true;
    quote.flags = quote.window = 0;
    quote.ack = quote.len = quote.captured = 0;
    memset(&quote.opt, 0, sizeof(quote.opt));
    quote.checksum = TCA_CHECKSUM_UNVERIFIED;
    quote.icmp_type = (uint8_t)atoi(type);
    quote.icmp_code = (uint8_t)atoi(code);
    if (other && strncmp(other, "seq=", 4) == 0)
        quote.seq = script_number(other + 4, s->end[from].isn);
    s->from[s->frames] = 2;
    script_expect_int(s, 0, tca_mirror_icmp(&s->ctx, &s->m, &quote, from, false), "success");
    script_invariants(s);
}

/* The clocks, twice: the second time must change nothing. */
static void script_clock(struct script *s, const char *time)
{
    struct tca_step before[TCA_STEPS_MAX];

    s->now_ns = SCRIPT_EPOCH_NS + script_seconds(time);
    tca_mirror_clock(&s->m, s->now_ns);
    script_invariants(s);
    for (int i = 0; i < 2; i++) {
        uint8_t count = s->m.side[i].step_count;
        memcpy(before, s->m.side[i].step, sizeof(before));
        tca_mirror_clock(&s->m, s->now_ns);
        script_expect_int(s, count, s->m.side[i].step_count, "clocks are idempotent");
        for (int k = 0; k < count; k++)
            script_expect_int(s, before[k].state, s->m.side[i].step[k].state, "clocks are idempotent");
    }
}

/* ---- expectations ---- */

static void script_check_path(const struct script *s, const struct tca_side *side, const char *list)
{
    const unsigned before = 1u << TCA_LISTEN | 1u << TCA_CLOSED | 1u << TCA_UNKNOWN;
    int previous = -1, seen = 0;
    char copy[SCRIPT_LINE], *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", strcmp(list, "-") == 0 ? "" : list);
    char *want = strtok_r(copy, ";", &rest);
    for (int i = 0; i < side->step_count; i++) {
        int state = side->step[i].state;
        if (state == previous || (seen == 0 && (before & 1u << state)))
            continue;
        script_expect(s, want != NULL && (script_state_set(s, want) & 1u << state), list,
                      script_states[state]);
        want = strtok_r(NULL, ";", &rest);
        previous = state;
        seen++;
    }
    script_expect(s, want == NULL, list, "a shorter path");
}

static void script_check_state(const struct script *s, const struct tca_side *side, char *word)
{
    size_t len = strlen(word);
    char grade = (word[len - 1] == '!' || word[len - 1] == '?') ? word[len - 1] : '\0';
    enum tca_state state = tca_side_state(side);

    if (grade)
        word[len - 1] = '\0';
    script_expect(s, (script_state_set(s, word) & 1u << state) != 0, word, script_states[state]);
    if (grade) {
        bool proved = side->step_count > 0 && side->step[side->step_count - 1].proved;
        script_expect(s, proved == (grade == '!'), grade == '!' ? "proved" : "not proved",
                      proved ? "proved" : "assumed");
    }
}

static bool script_may_be(const struct tca_side *side, unsigned set)
{
    for (int state = 0; state < TCA_STATE_COUNT; state++) {
        if ((set & 1u << state) && tca_side_may_be(side, (enum tca_state)state))
            return true;
    }
    return false;
}

static void script_check_side(const struct script *s, const struct tca_side *side, char **rest)
{
    for (char *word; (word = strtok_r(NULL, " ", rest)) != NULL;) {
        if (word[0] < 'a') {
            script_check_state(s, side, word);
            continue;
        }
        const char *value = strtok_r(NULL, " ", rest);
        script_expect(s, value != NULL, "a value", word);
        if (strcmp(word, "path") == 0) {
            script_check_path(s, side, value);
        } else if (strcmp(word, "may") == 0) {
            script_expect(s, script_may_be(side, script_state_set(s, value)), "may be", "refuted");
        } else if (strcmp(word, "not") == 0) {
            script_expect(s, !script_may_be(side, script_state_set(s, value)), "refuted", "may be");
        } else if (strcmp(word, "at") == 0) {
            enum tca_state state = tca_side_state_at(side, strtoull(value, NULL, 10));
            value = strtok_r(NULL, " ", rest);
            script_expect(s, value && (script_state_set(s, value) & 1u << state), "state at that frame",
                          script_states[state]);
        } else {
            script_fail(s, "an expectation", word);
        }
    }
}

static const struct {
    const char *name;
    uint32_t role;
} script_roles[] = {
    {"SYN", TCA_MARK_SYN},
    {"SYNACK", TCA_MARK_SYNACK},
    {"OPEN_ACK", TCA_MARK_OPEN_ACK},
    {"CHILD", TCA_MARK_CHILD},
    {"FIRST_DATA", TCA_MARK_FIRST_DATA},
    {"FIN", TCA_MARK_FIN},
    {"FIN_ACK", TCA_MARK_FIN_ACK},
    {"RST", TCA_MARK_RST},
    {"TRIGGER", TCA_MARK_TRIGGER},
    {"CHALLENGE", TCA_MARK_CHALLENGE},
    {"KEEPALIVE", TCA_MARK_KEEPALIVE},
    {"ICMP", TCA_MARK_ICMP},
    {"LATE_DATA", TCA_MARK_LATE_DATA},
    {"DATA_RETX", TCA_MARK_DATA_RETX},
    {"AFTER_RST", TCA_MARK_AFTER_RST},
    {"IN_TIME_WAIT", TCA_MARK_IN_TIME_WAIT},
    {"LAST", TCA_MARK_LAST},
    {"ZERO_WINDOW", TCA_MARK_ZERO_WINDOW},
    {"RETX_RTO", TCA_MARK_RETX_RTO},
    {"RETX_TLP", TCA_MARK_RETX_TLP},
    {"RETX_FAST", TCA_MARK_RETX_FAST},
    {"SPURIOUS", TCA_MARK_SPURIOUS},
    {"WINDOW_PROBE", TCA_MARK_WINDOW_PROBE},
    {"WINDOW_FULL", TCA_MARK_WINDOW_FULL},
    {"REORDERED", TCA_MARK_REORDERED},
    {"OLD_DUP", TCA_MARK_OLD_DUP},
    {"GAP", TCA_MARK_GAP},
    {"PAWS", TCA_MARK_PAWS},
    {"PAWS_ACK", TCA_MARK_PAWS_ACK},
    {"HELD", TCA_MARK_HELD},
    {"OTHER_SYNACK", TCA_MARK_OTHER_SYNACK},
};

static uint32_t script_role_set(const struct script *s, char *list)
{
    uint32_t roles = 0;
    char *rest = NULL;

    for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        uint32_t role = 0;
        for (size_t i = 0; i < sizeof(script_roles) / sizeof(script_roles[0]); i++) {
            if (strcmp(script_roles[i].name, word) == 0)
                role = script_roles[i].role;
        }
        script_expect(s, role != 0, "a role's name", word);
        roles |= role;
    }
    return roles;
}

/* The mark of a frame, NULL without one. */
static const struct tca_mark *script_find_mark(const struct script *s, const char *frame)
{
    uint64_t wanted = strtoull(frame ? frame : "0", NULL, 10);

    for (const struct tca_mark_chunk *chunk = s->m.marks; chunk; chunk = chunk->next) {
        for (int i = 0; i < TCA_MARKS_PER_CHUNK; i++) {
            if (chunk->mark[i].frame == wanted && chunk->mark[i].roles)
                return &chunk->mark[i];
        }
    }
    for (int side = 0; side < 2; side++) { /* the newest segment may not have been moved to the list yet */
        const struct tca_mark *recent = &s->m.side[side].recent;
        if (recent->frame == wanted && recent->roles)
            return recent;
    }
    return NULL;
}

static int script_fit(const struct script *s, const char *word)
{
    static const char *const fits[] = {[TCA_RST_NONE] = "none",
                                       [TCA_RST_EXACT] = "exact",
                                       [TCA_RST_IN_WINDOW] = "in_window",
                                       [TCA_RST_OUTSIDE] = "outside",
                                       [TCA_RST_BLIND] = "blind"};

    for (int fit = TCA_RST_NONE; fit <= TCA_RST_BLIND; fit++) {
        if (strcmp(word, fits[fit]) == 0)
            return fit;
    }
    script_fail(s, "an RST's fit", word);
    return TCA_RST_NONE;
}

static void script_check_mark_value(const struct script *s, const struct tca_mark *mark, const char *key,
                                    const char *value)
{
    if (strcmp(key, "copy") == 0) {
        script_expect_int(s, atoi(value), mark->copy, key);
    } else if (strcmp(key, "fit") == 0) {
        script_expect_int(s, script_fit(s, value), mark->rst_fit, key);
    } else if (strcmp(key, "side") == 0) {
        script_expect_int(s, script_side(s, value), mark->side, key);
    } else if (strcmp(key, "receiver") == 0) {
        script_expect(s, (script_state_set(s, value) & 1u << mark->receiver_state) != 0, key,
                      script_states[mark->receiver_state]);
    } else if (strcmp(key, "sender") == 0) {
        script_expect(s, (script_state_set(s, value) & 1u << mark->sender_state) != 0, key,
                      script_states[mark->sender_state]);
    } else {
        script_fail(s, "a mark's key", key);
    }
}

static void script_check_mark_word(const struct script *s, const struct tca_mark *mark, const char *word)
{
    const struct {
        const char *word;
        bool flag;
    } words[] = {
        {"witness", mark->witness},   {"answers_syn", mark->answers_syn}, {"crossing", mark->crossing},
        {"refuting", mark->refuting}, {"new_data", mark->new_data},
    };
    bool want = word[0] != '!';

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word + !want, words[i].word) == 0) {
            script_expect(s, words[i].flag == want, word, want ? "not" : "set");
            return;
        }
    }
    script_fail(s, "a mark's word", word);
}

static void script_check_mark(const struct script *s, char **rest)
{
    const struct tca_mark *mark = script_find_mark(s, strtok_r(NULL, " ", rest));
    char *roles = strtok_r(NULL, " ", rest);

    script_expect(s, mark != NULL && roles != NULL, "a mark", "none");
    uint32_t wanted = script_role_set(s, roles), missing = wanted & ~mark->roles;
    for (size_t i = 0; i < sizeof(script_roles) / sizeof(script_roles[0]); i++) {
        if (missing & script_roles[i].role)
            script_fail(s, script_roles[i].name, "a mark without it");
    }
    for (char *word; (word = strtok_r(NULL, " ", rest)) != NULL;) {
        char *equals = strchr(word, '=');
        if (equals) {
            *equals = '\0';
            script_check_mark_value(s, mark, word, equals + 1);
        } else {
            script_check_mark_word(s, mark, word);
        }
    }
}

static void script_check_nomark(const struct script *s, char **rest)
{
    const struct tca_mark *mark = script_find_mark(s, strtok_r(NULL, " ", rest));
    char *roles = strtok_r(NULL, " ", rest);

    script_expect(s, roles != NULL, "ROLE", "nothing");
    script_expect(s, !mark || !(mark->roles & script_role_set(s, roles)), "no such mark", "one");
}

/* Fields by name. */
enum script_kind { KIND_U64, KIND_U32, KIND_U8, KIND_BOOL, KIND_SECONDS, KIND_PEER_TS };
struct script_field {
    const char *name;
    size_t at;
    enum script_kind kind;
};
#define SIDE_FIELD(field, kind)                                                                              \
    {                                                                                                        \
#field, offsetof(struct tca_side, field), kind                                                       \
    }
#define FLOW_FIELD(field, kind)                                                                              \
    {                                                                                                        \
#field, offsetof(struct tca_mirror, field), kind                                                     \
    }

static const struct script_field script_side_fields[] = {
    SIDE_FIELD(pkts, KIND_U64),
    SIDE_FIELD(bytes, KIND_U64),
    SIDE_FIELD(retx_pkts, KIND_U64),
    SIDE_FIELD(missed_bytes, KIND_U64),
    SIDE_FIELD(capture_copies, KIND_U64),
    SIDE_FIELD(syn_count, KIND_U64),
    SIDE_FIELD(synack_count, KIND_U64),
    SIDE_FIELD(fin_count, KIND_U64),
    SIDE_FIELD(rst_count, KIND_U64),
    SIDE_FIELD(keepalive_count, KIND_U64),
    SIDE_FIELD(zero_ns, KIND_SECONDS),
    SIDE_FIELD(hole_count, KIND_U8),
    SIDE_FIELD(fin_sent, KIND_BOOL),
    SIDE_FIELD(fin_acked_by_peer, KIND_BOOL),
    SIDE_FIELD(wscale_known, KIND_BOOL),
    SIDE_FIELD(ts_on, KIND_BOOL),
    SIDE_FIELD(ts_recent, KIND_PEER_TS),
    SIDE_FIELD(retx_rto, KIND_U32),
    SIDE_FIELD(retx_tlp, KIND_U32),
    SIDE_FIELD(retx_fast, KIND_U32),
    SIDE_FIELD(retx_after_rto, KIND_U32),
    SIDE_FIELD(retx_unsure, KIND_U32),
    SIDE_FIELD(retx_spurious, KIND_U32),
    SIDE_FIELD(window_probes, KIND_U32),
    SIDE_FIELD(challenge_count, KIND_U32),
    SIDE_FIELD(paws_rejected, KIND_U32),
    SIDE_FIELD(delayed_acks, KIND_U32),
    SIDE_FIELD(keepalive_unanswered, KIND_U32),
    SIDE_FIELD(keepalive_idle_ns, KIND_SECONDS),
    SIDE_FIELD(keepalive_interval_ns, KIND_SECONDS),
};
static const struct script_field script_flow_fields[] = {
    FLOW_FIELD(damage, KIND_U32),
    FLOW_FIELD(syn_rtt_ns, KIND_SECONDS),
    FLOW_FIELD(ack_rtt_ns, KIND_SECONDS),
    FLOW_FIELD(path_to_server_ns, KIND_SECONDS),
    FLOW_FIELD(child_frame, KIND_U64),
    FLOW_FIELD(first_ack_frame, KIND_U64),
    FLOW_FIELD(child_proved, KIND_BOOL),
    FLOW_FIELD(open_refuted, KIND_BOOL),
    FLOW_FIELD(ack_ignored_count, KIND_U64),
    FLOW_FIELD(server_syn_bare, KIND_BOOL),
    FLOW_FIELD(client_synack, KIND_BOOL),
    FLOW_FIELD(first_fin, KIND_U8),
    FLOW_FIELD(first_rst, KIND_U8),
};

static int64_t script_read_field(const char *at, enum script_kind kind, uint32_t ts_base)
{
    union {
        uint64_t u64;
        int64_t i64;
        uint32_t u32;
        uint8_t u8;
        bool b;
    } value;

    memset(&value, 0, sizeof(value));
    switch (kind) {
    case KIND_U64:
        memcpy(&value.u64, at, sizeof(value.u64));
        return (int64_t)value.u64;
    case KIND_SECONDS:
        memcpy(&value.i64, at, sizeof(value.i64));
        return value.i64;
    case KIND_U32:
        memcpy(&value.u32, at, sizeof(value.u32));
        return value.u32;
    case KIND_PEER_TS:
        memcpy(&value.u32, at, sizeof(value.u32));
        return (int32_t)(value.u32 - ts_base);
    case KIND_U8:
        memcpy(&value.u8, at, sizeof(value.u8));
        return value.u8;
    case KIND_BOOL:
        memcpy(&value.b, at, sizeof(value.b));
        return value.b;
    }
    return 0;
}

static void script_check_field(const struct script *s, const char *name, char **rest)
{
    const struct script_field *fields = script_flow_fields;
    size_t count = sizeof(script_flow_fields) / sizeof(script_flow_fields[0]);
    const char *dot = strchr(name, '.'), *base = (const char *)&s->m;
    const char *value = strtok_r(NULL, " ", rest);
    uint32_t ts_base = 0;

    script_expect(s, value != NULL, "a value", "nothing");
    if (dot) {
        int side = strncmp(name, "client", 6) == 0 ? TCA_CLIENT : TCA_SERVER;
        fields = script_side_fields;
        count = sizeof(script_side_fields) / sizeof(script_side_fields[0]);
        base = (const char *)&s->m.side[side];
        ts_base = s->end[1 - side].ts_base;
        name = dot + 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) != 0)
            continue;
        bool never = strcmp(value, "-1") == 0;
        int64_t want =
            fields[i].kind == KIND_SECONDS && !never ? script_seconds(value) : strtoll(value, NULL, 10);
        script_expect_int(s, want, script_read_field(base + fields[i].at, fields[i].kind, ts_base), name);
        return;
    }
    script_fail(s, "a field's name", name);
}

static void script_check(const struct script *s, char **rest)
{
    const char *word = strtok_r(NULL, " ", rest);

    script_expect(s, word != NULL, "an expectation", "nothing");
    if (strcmp(word, "mark") == 0)
        script_check_mark(s, rest);
    else if (strcmp(word, "nomark") == 0)
        script_check_nomark(s, rest);
    else if (strcmp(word, "client") == 0 || strcmp(word, "server") == 0)
        script_check_side(s, &s->m.side[script_side(s, word)], rest);
    else
        script_check_field(s, word, rest);
}

/* ---- lines ---- */

static void script_flow_line(struct script *s, char **rest)
{
    for (char *word; (word = strtok_r(NULL, " ", rest)) != NULL;) {
        if (strcmp(word, "nots") == 0)
            s->no_ts = true;
        else if (strcmp(word, "noscale") == 0)
            s->no_scale = true;
        else if (strcmp(word, "noid") == 0)
            s->no_id = true;
        else if (strcmp(word, "middle") == 0)
            s->end[0].nxt = s->end[0].got = s->end[1].nxt = s->end[1].got = 1000;
        else
            script_fail(s, "a word of a flow", word);
    }
}

static void script_line(struct script *s, char *line)
{
    char *rest = NULL, *word = strtok_r(line, " ", &rest);

    if (!word)
        return;
    if (strcmp(word, "=") == 0) {
        script_check(s, &rest);
    } else if (strcmp(word, "flow") == 0) {
        script_flow_line(s, &rest);
    } else if (strcmp(word, "clock") == 0) {
        script_clock(s, strtok_r(NULL, " ", &rest));
    } else if (strcmp(word, "finish") == 0) {
        script_expect_int(s, 0, tca_mirror_finish(&s->ctx, &s->m), "success");
        script_invariants(s);
    } else {
        s->now_ns = (word[0] == '+' ? s->now_ns : SCRIPT_EPOCH_NS) + script_seconds(word);
        const char *direction = strtok_r(NULL, " ", &rest);
        script_expect(s, direction != NULL, "TIME DIRECTION FLAGS", word);
        if (strcmp(direction, "icmp") == 0)
            script_icmp(s, &rest);
        else
            script_packet(s, direction, &rest);
    }
}

/* Run one row with these initial sequence numbers. */
static void script_run(const struct script_row *row, const uint32_t isn[2])
{
    static struct script run; /* large; each test runs in a process of its own */
    struct script *s = &run;
    char shown[SCRIPT_LINE], line[SCRIPT_LINE];

    memset(s, 0, sizeof(*s));
    s->row = row;
    s->now_ns = SCRIPT_EPOCH_NS;
    for (int side = 0; side < 2; side++) {
        s->end[side].isn = isn[side];
        s->end[side].ts_base = 0xfffffff0u - 7u * (uint32_t)side; /* wraps as well */
        s->end[side].ip_id = (uint16_t)(65530 - 100 * side);
    }
    tca_mirror_context_init(&s->ctx);
    for (const char *text = row->text; *text;) {
        size_t len = strcspn(text, "\n");
        s->line_number++;
        ck_assert_uint_lt(len, sizeof(line));
        snprintf(shown, sizeof(shown), "%.*s", (int)len, text);
        snprintf(line, sizeof(line), "%s", shown);
        s->line = shown;
        script_line(s, line);
        text += len + (text[len] == '\n');
    }
    if (s->begun)
        tca_mirror_free(&s->ctx, &s->m);
    tca_mirror_context_done(&s->ctx);
}

#endif
