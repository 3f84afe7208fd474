/* SPDX-License-Identifier: MIT
 *
 * Explain: one connection as a ladder, in the manner of RFC 9293's figures.
 *
 *      frame      time  client      segment                                 server
 *          1  0.000000  SYN_SENT    ── SYN seq=0 ─────────────────────────► SYN_RECV
 *          2  0.000100  ESTABLISHED ◄─────────────── SYN+ACK seq=0 ack=1 ── SYN_RECV
 *                       ~ 1.02 s ~  SYN+ACK retransmission 1 of 5
 *
 * Streaming: segments come in file order, plain data segments wait until their run ends and are then folded.
 * States are the settled ones, those after the line's segment. Numbers are relative to the initial ones, or
 * to the first one seen where the opening is missing. At most 100 columns; every sentence stands on a line of
 * its own. What a segment is told as: explain_segment.c.
 */
#include "report/explain_own.h"

#include "artefact/comment.h"
#include "base/alloc.h"
#include "base/seq32.h"
#include "classify/sweep/nat.h"

#include <stdio.h>
#include <string.h>

enum {
    ARROW_WIDTH = 45, /* columns between the two states */
    NUMBER_WIDTH = 9, /* of a frame number */
    STATE_WIDTH = 11, /* "ESTABLISHED" */
    TEXT_WIDTH = 96,  /* of wrapped sentences */
    PIECE_BYTES = 32 * 1024,
};
static const int64_t GAP_NS = 500000000;     /* a silence worth naming */
static const int64_t NAMED_GAP_NS = 1000000; /* before a repeat, a shorter one too */

/* Columns of a time, by enum tca_time_style. */
static const int time_width[] = {
    [TCA_TIME_REL] = 11, [TCA_TIME_ISO] = 16, [TCA_TIME_EPOCH] = 17, [TCA_TIME_NS] = 19};

static const char *const role_name[] = {[TCA_CLIENT] = "client", [TCA_SERVER] = "server"};

static int flush(struct tca_explain *ex, size_t over)
{
    if (ex->out.used <= over)
        return 0;
    if (!ex->failed && ex->fn(ex->user, ex->out.bytes, ex->out.used) != 0)
        ex->failed = true;
    tca_buf_reset(&ex->out);
    return ex->failed ? TCA_EOUTPUT : 0;
}

/* ---- pieces of a line ---- */

static void add_repeated(struct tca_buf *out, const char *piece, int count)
{
    for (int i = 0; i < count; i++)
        tca_buf_str(out, piece);
}

static void add_time(struct tca_explain *ex, int64_t time_ns)
{
    struct tca_buf text = {0};
    switch (ex->view->time) {
    case TCA_TIME_ISO:
        tca_buf_iso(&text, time_ns, 6);
        break;
    case TCA_TIME_EPOCH:
        tca_buf_seconds(&text, time_ns, 6);
        break;
    case TCA_TIME_NS:
        tca_buf_i64(&text, time_ns);
        break;
    case TCA_TIME_REL:
        tca_buf_seconds(&text, time_ns - explain_mirror(ex)->start_ns, 6);
        break;
    }
    const char *clock = strchr(tca_buf_text(&text), 'T'); /* the date is in the head */
    tca_buf_fmt(&ex->out, "%*s", time_width[ex->view->time], clock ? clock + 1 : tca_buf_text(&text));
    ex->out.failed |= text.failed;
    tca_buf_done(&text);
}

static void begin_note(struct tca_explain *ex)
{
    add_repeated(&ex->out, " ", NUMBER_WIDTH + 1 + time_width[ex->view->time] + 2);
}

static void add_elapsed(struct tca_buf *out, int64_t ns)
{
    tca_buf_seconds(out, ns, ns >= 1000000000 ? 2 : ns >= 1000000 ? 3 : 6);
    tca_buf_str(out, " s");
}

/* SYN, ACK, FIN, RST and URG in words; PSH says nothing about state. */
static void add_flags(struct tca_buf *out, uint16_t flags)
{
    static const struct {
        uint16_t bit;
        const char *name;
    } known[] = {{TCA_SYN, "SYN"}, {TCA_FIN, "FIN"}, {TCA_RST, "RST"}, {TCA_ACK, "ACK"}, {TCA_URG, "URG"}};
    bool any = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!(flags & known[i].bit))
            continue;
        tca_buf_fmt(out, "%s%s", any ? "+" : "", known[i].name);
        any = true;
    }
    if (!any)
        tca_buf_str(out, "no flags");
}

static void add_label(struct tca_explain *ex, const struct tca_trace *t, struct tca_buf *out)
{
    if (t->icmp) {
        tca_buf_fmt(out, "ICMP error type %u code %u", t->icmp_type, t->icmp_code);
        return;
    }
    const struct sender *self = &ex->sender[t->from], *peer = &ex->sender[!t->from];
    add_flags(out, t->flags);
    tca_buf_fmt(out, " seq=%ld", (long)seq_diff(t->seq, self->base));
    if (t->flags & TCA_ACK)
        tca_buf_fmt(out, " ack=%ld", (long)seq_diff(t->ack, peer->base));
    if (t->len)
        tca_buf_fmt(out, " len=%u", (unsigned)t->len);
    if (t->window == 0 && !(t->flags & TCA_RST))
        tca_buf_str(out, " win=0");
    if (t->capture_copy)
        tca_buf_str(out, " (copy)");
}

/* An arrow with its label at the sender's end; an x where the receiver is judged not to have taken it. */
static void add_arrow(struct tca_explain *ex, int from, bool ignored, const char *label)
{
    const char *line = ex->ascii ? "-" : "\u2500", *right = ex->ascii ? ">" : "\u25ba",
               *left = ex->ascii ? "<" : "\u25c4";
    int rest = ARROW_WIDTH - (int)strlen(label) - 5; /* two of line, two blanks, the head */
    if (rest < 1)
        rest = 1;
    if (from == TCA_CLIENT) {
        add_repeated(&ex->out, line, 2);
        tca_buf_fmt(&ex->out, " %s ", label);
        add_repeated(&ex->out, line, rest);
        tca_buf_str(&ex->out, ignored ? "x" : right);
    } else {
        tca_buf_str(&ex->out, ignored ? "x" : left);
        add_repeated(&ex->out, line, rest);
        tca_buf_fmt(&ex->out, " %s ", label);
        add_repeated(&ex->out, line, 2);
    }
}

/* Break a text into lines of at most TEXT_WIDTH columns. */
static void add_wrapped(struct tca_buf *out, const char *head, const char *text)
{
    size_t indent = strlen(head), column = indent;
    tca_buf_str(out, head);
    bool first = true;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (!first && column + 1 + word > TEXT_WIDTH) {
            tca_buf_char(out, '\n');
            add_repeated(out, " ", (int)indent);
            column = indent;
            first = true;
        }
        if (!first)
            tca_buf_char(out, ' ');
        tca_buf_add(out, text, word);
        column += word + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    tca_buf_char(out, '\n');
}

/* ---- head ---- */

static void add_isn(struct tca_explain *ex, int role)
{
    const struct tca_side *side = &explain_mirror(ex)->side[role];
    if (side->iss_known)
        tca_buf_fmt(&ex->out, "%s ISN %u", role_name[role], (unsigned)side->iss);
    else
        tca_buf_fmt(&ex->out, "%s's first one seen", role_name[role]);
}

static void add_kin(struct tca_explain *ex, const char *words, uint64_t frame)
{
    tca_buf_str(&ex->out, words);
    tca_text_flow_id(&ex->out, ex->view->capture, ex->view->c->d->capture, frame);
    tca_buf_char(&ex->out, '\n');
}

/* Other rows that tell the same connection, or an attempt to open it. */
static void add_kindred(struct tca_explain *ex)
{
    const struct tca_dossier *d = ex->view->c->d;
    if (d->nat == TCA_NAT_BEFORE)
        add_kin(ex, "with translated addresses: flow=", d->nat_frame);
    if (d->nat == TCA_NAT_AFTER)
        add_kin(ex, "before its addresses were translated: flow=", d->nat_frame);
    if (d->attempt_of && d->attempt_of != d->id_frame)
        add_kin(ex, "the first attempt to open it: flow=", d->attempt_of);
}

/* The file in which the connection begins: its frames are told by their number alone. */
static uint32_t own_file(const struct tca_explain *ex)
{
    return tca_frame_spot(ex->view->capture, explain_mirror(ex)->first_frame).ordinal;
}

static void add_head(struct tca_explain *ex)
{
    const struct tca_dossier *d = ex->view->c->d;
    struct tca_buf *out = &ex->out;
    if (d->tcp_stream != TCA_NO_STREAM)
        tca_buf_fmt(out, "stream=%llu  ", (unsigned long long)d->tcp_stream);
    tca_buf_str(out, "flow=");
    tca_text_flow_id(out, ex->view->capture, d->capture, d->id_frame);
    tca_buf_str(out, "  capture ");
    tca_text_clean(out, tca_file_name(ex->view->capture, own_file(ex)), true);
    tca_buf_str(out, "\nclient ");
    tca_text_endpoint(out, d->addr[TCA_CLIENT], d->family, d->port[TCA_CLIENT]);
    tca_buf_str(out, "  server ");
    tca_text_endpoint(out, d->addr[TCA_SERVER], d->family, d->port[TCA_SERVER]);
    tca_buf_fmt(out, "  captured at: %s\nfirst packet ", tca_vantage_name(ex->view->c->vantage));
    tca_buf_iso(out, d->m.start_ns, 9);
    tca_buf_str(out, "\nnumbers are relative to: ");
    add_isn(ex, TCA_CLIENT);
    tca_buf_str(out, ", ");
    add_isn(ex, TCA_SERVER);
    tca_buf_char(out, '\n');
    add_kindred(ex);
    tca_buf_fmt(out, "\n%*s %*s  %-*s %-*s %s\n", NUMBER_WIDTH, "frame", time_width[ex->view->time], "time",
                STATE_WIDTH, "client", ARROW_WIDTH, "segment (x: judged ignored or lost)", "server");
}

int tca_explain_new(const struct tca_flow_view *view, bool ascii, tca_write_fn *fn, void *user,
                    struct tca_explain **ret_explain)
{
    struct tca_explain *ex = tca_alloc(sizeof *ex);
    if (!ex)
        return TCA_EMEMORY;
    ex->view = view;
    ex->ascii = ascii;
    ex->fn = fn;
    ex->user = user;
    ex->last_ns = -1;
    for (int side = 0; side < 2; side++) {
        const struct tca_side *s = &view->c->d->m.side[side];
        ex->sender[side].base = s->iss;
        ex->sender[side].base_known = s->iss_known;
        ex->before[side] = TCA_STATE_COUNT;
    }
    add_head(ex);
    *ret_explain = ex;
    return 0;
}

/* ---- lines ---- */

static void add_gap(struct tca_explain *ex, int64_t time_ns, const char *name)
{
    int64_t gap = ex->last_ns < 0 ? 0 : time_ns - ex->last_ns;
    bool wide = gap >= (name[0] ? NAMED_GAP_NS : GAP_NS);
    if (!wide && !name[0])
        return;
    begin_note(ex);
    if (wide) {
        tca_buf_str(&ex->out, "~ ");
        add_elapsed(&ex->out, gap);
        tca_buf_fmt(&ex->out, " ~%s", name[0] ? "  " : "");
    }
    tca_buf_fmt(&ex->out, "%s\n", name);
}

static void add_record(const struct tca_explain *ex, const struct tca_trace *t, struct tca_buf *text)
{
    tca_text_frame(text, own_file(ex), tca_record_spot(ex->view->capture, 0, t->frame));
}

static const char *comment_of(const struct tca_explain *ex, const struct tca_trace *t)
{
    const struct tca_capture_facts *capture = ex->view->capture;
    return tca_comment_of(capture->comments, capture->ordinal,
                          tca_moved_record(capture->moved, capture->ordinal, t->frame));
}

/* What somebody wrote beside the segment: the words of others, marked as such. */
static void add_comment(struct tca_explain *ex, const struct tca_trace *t)
{
    const char *comment = comment_of(ex, t);
    if (!comment)
        return;
    struct tca_buf clean = {0};
    char head[64];
    tca_text_clean(&clean, comment, true);
    snprintf(head, sizeof head, "%*s# ", NUMBER_WIDTH + 1 + time_width[ex->view->time] + 2, "");
    add_wrapped(&ex->out, head, tca_buf_text(&clean));
    ex->out.failed |= clean.failed;
    tca_buf_done(&clean);
}

static void add_segment_line(struct tca_explain *ex, const struct tca_trace *t, const char *name,
                             bool ignored)
{
    struct tca_buf label = {0};
    const struct tca_mirror *m = explain_mirror(ex);
    enum tca_state state[2];
    for (int side = 0; side < 2; side++)
        state[side] = tca_explain_state(&m->side[side], t);

    add_gap(ex, t->time_ns, name);
    struct tca_buf number = {0};
    add_record(ex, t, &number);
    tca_buf_fmt(&ex->out, "%*s ", NUMBER_WIDTH, tca_buf_text(&number));
    ex->out.failed |= number.failed;
    tca_buf_done(&number);
    add_time(ex, t->time_ns);
    tca_buf_fmt(&ex->out, "  %-*s ", STATE_WIDTH, tca_state_name(state[TCA_CLIENT]));
    add_label(ex, t, &label);
    add_arrow(ex, t->icmp ? !t->from : t->from, ignored, tca_buf_text(&label));
    tca_buf_fmt(&ex->out, " %s\n", tca_state_name(state[TCA_SERVER]));
    ex->out.failed |= label.failed;
    tca_buf_done(&label);
    add_comment(ex, t);

    if (ignored && !ex->parted && state[TCA_CLIENT] == TCA_ESTABLISHED && state[TCA_SERVER] == TCA_SYN_RECV) {
        begin_note(ex);
        tca_buf_str(&ex->out, "! here they part: the client is ESTABLISHED, the server stays in SYN_RECV\n");
        ex->parted = true;
    }
    ex->last_ns = t->time_ns;
    memcpy(ex->before, state, sizeof state);
}

/* States that ended by a clock before this moment: no segment shows them. */
static void add_timers(struct tca_explain *ex, int64_t until_ns)
{
    for (int side = 0; side < 2; side++) {
        const struct tca_side *s = &explain_mirror(ex)->side[side];
        int *i = &ex->sender[side].next_step;
        for (; *i < s->step_count && s->step[*i].time_ns <= until_ns; ++*i) {
            const struct tca_step *step = &s->step[*i];
            if (!tca_explain_timer(step))
                continue;
            tca_buf_fmt(&ex->out, "%*s ", NUMBER_WIDTH, "");
            add_time(ex, step->time_ns);
            tca_buf_fmt(&ex->out, "  ~ timer ~  %s %s: %s\n", role_name[side],
                        step->event == TCA_TIMER_2MSL ? "has waited long enough" : "gives up",
                        tca_state_name((enum tca_state)step->state));
            ex->before[side] = (enum tca_state)step->state;
        }
    }
}

/* ---- folding ---- */

static bool proves_something(const struct tca_verdict *v, uint64_t frame)
{
    for (int i = 0; i < v->count; i++)
        for (int k = 0; k < v->judgement[i].frame_count; k++)
            if (!v->judgement[i].frame_capture[k] && v->judgement[i].frame[k] == frame)
                return true;
    return false;
}

/* A data segment or acknowledgment that changes nothing worth a line of its own. */
static bool is_plain(const struct tca_explain *ex, const struct tca_trace *t, const char *name, bool ignored)
{
    const struct tca_mirror *m = explain_mirror(ex);
    int64_t before_ns = ex->fold.count ? ex->fold.last.time_ns : ex->last_ns;
    if (t->icmp || name[0] || ignored || (t->flags & (TCA_SYN | TCA_FIN | TCA_RST)) ||
        (t->window == 0) != ex->sender[t->from].shut)
        return false;
    if (before_ns < 0 || t->time_ns - before_ns >= GAP_NS)
        return false;
    for (int side = 0; side < 2; side++)
        if (tca_explain_state(&m->side[side], t) != ex->before[side])
            return false;
    return !comment_of(ex, t) && !proves_something(ex->view->v, t->frame);
}

static void add_fold_line(struct tca_explain *ex)
{
    const struct fold *f = &ex->fold;
    tca_buf_fmt(&ex->out, "%*s%*s", NUMBER_WIDTH, ":", time_width[ex->view->time] + 3, "");
    struct tca_buf first = {0}, last = {0};
    add_record(ex, &f->kept[0], &first);
    add_record(ex, &f->last, &last);
    tca_buf_fmt(&ex->out, "frames %s to %s: client %llu bytes (%llu pkts), server %llu (%llu)\n",
                tca_buf_text(&first), tca_buf_text(&last), (unsigned long long)f->bytes[TCA_CLIENT],
                (unsigned long long)f->segments[TCA_CLIENT], (unsigned long long)f->bytes[TCA_SERVER],
                (unsigned long long)f->segments[TCA_SERVER]);
    ex->out.failed |= first.failed | last.failed;
    tca_buf_done(&first);
    tca_buf_done(&last);
    ex->last_ns = f->last.time_ns;
}

static void end_run(struct tca_explain *ex)
{
    if (ex->fold.count > FOLD_OVER)
        add_fold_line(ex);
    else
        for (uint64_t i = 0; i < ex->fold.count; i++)
            add_segment_line(ex, &ex->fold.kept[i], "", false);
    memset(&ex->fold, 0, sizeof ex->fold);
}

static void join_run(struct tca_explain *ex, const struct tca_trace *t)
{
    if (ex->fold.count < FOLD_OVER)
        ex->fold.kept[ex->fold.count] = *t;
    ex->fold.last = *t;
    ex->fold.count++;
    ex->fold.segments[t->from]++;
    ex->fold.bytes[t->from] += t->len;
}

int tca_explain_segment(struct tca_explain *ex, const struct tca_trace *trace)
{
    struct tca_trace t = *trace;
    t.from = t.from ? TCA_SERVER : TCA_CLIENT;
    char name[80];
    tca_explain_base(ex, &t);
    tca_explain_copy(&ex->sender[t.from], &t);
    tca_explain_name(ex, &t, name, sizeof name);
    bool ignored = tca_explain_ignored(ex, &t);
    if (is_plain(ex, &t, name, ignored)) {
        join_run(ex, &t);
    } else {
        end_run(ex);
        add_timers(ex, t.time_ns);
        add_segment_line(ex, &t, name, ignored);
    }
    tca_explain_sent(&ex->sender[t.from], &t);
    if ((t.flags & (TCA_SYN | TCA_ACK)) == (TCA_SYN | TCA_ACK) && t.from == TCA_SERVER)
        ex->answered = true;
    if (ex->out.failed)
        return TCA_EMEMORY;
    return flush(ex, PIECE_BYTES);
}

/* ---- end ---- */

static void add_finding(struct tca_explain *ex, const struct tca_judgement *j)
{
    const struct tca_finding *f = &tca_findings[j->id];
    struct tca_buf *out = &ex->out;
    tca_buf_fmt(out, "\n%s  (%s, %s)", f->id, tca_severity_name(f->severity),
                tca_confidence_name(j->confidence));
    for (int i = 0; i < j->frame_count; i++) {
        tca_buf_str(out, i ? ", " : j->frame_count > 1 ? "  frames " : "  frame ");
        tca_text_frame(out, own_file(ex),
                       tca_record_spot(ex->view->capture, j->frame_capture[i], j->frame[i]));
    }
    tca_buf_char(out, '\n');
    struct tca_sentence sentence;
    tca_judgement_say(ex->view->c, j, &sentence);
    if (sentence.text[0])
        add_wrapped(out, "    ", sentence.text);
    else if (f->meaning)
        add_wrapped(out, "    ", f->meaning);
    if (f->normal)
        return;
    if (f->doubt && f->doubt[0])
        add_wrapped(out, "    doubt: ", f->doubt);
    if (f->severity > TCA_SEVERITY_INFO && f->host && f->host[0])
        add_wrapped(out, "    host:  ", f->host);
}

static void add_end(struct tca_explain *ex)
{
    const struct tca_mirror *m = explain_mirror(ex);
    tca_buf_fmt(&ex->out, "\n%s: client %s, server %s\n",
                m->end_ns < 0 ? "at the end of the capture" : "when the next connection took its ports",
                tca_state_name(tca_side_state(&m->side[TCA_CLIENT])),
                tca_state_name(tca_side_state(&m->side[TCA_SERVER])));
    if (ex->view->capture->comments_over)
        tca_buf_fmt(&ex->out,
                    "comments of this capture's packets that are not shown, beyond the first %llu: %llu\n",
                    (unsigned long long)ex->view->capture->comments_kept,
                    (unsigned long long)ex->view->capture->comments_over);
    for (int i = 0; i < ex->view->v->count; i++)
        add_finding(ex, &ex->view->v->judgement[i]);
}

int tca_explain_end(struct tca_explain *ex)
{
    if (!ex)
        return 0;
    end_run(ex);
    add_timers(ex, INT64_MAX);
    add_end(ex);
    int r = ex->out.failed ? TCA_EMEMORY : flush(ex, 0);
    tca_buf_done(&ex->out);
    tca_free(ex);
    return r;
}
