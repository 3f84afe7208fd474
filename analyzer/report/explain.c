/* SPDX-License-Identifier: MIT
 *
 * Explain: one connection as a ladder. Here the segments become entries of it; how these are shown is the matter of a form
 * (explain_own.h).
 *
 * Streaming: segments come in file order, plain data segments wait until their run ends and are then folded.
 * States are the settled ones, those after the entry's segment. Numbers are relative to the initial ones, or
 * to the first one seen where the opening is missing. What a segment is told as: explain_segment.c.
 */
#include "report/explain_own.h"

#include "artefact/comment.h"
#include "base/alloc.h"
#include "base/seq32.h"
#include "report/picture.h"

#include <string.h>

enum { PIECE_BYTES = 32 * 1024 };
static const int64_t GAP_NS = 500000000;     /* a silence worth naming */
static const int64_t NAMED_GAP_NS = 1000000; /* before a repeat, a shorter one too */

static int flush(struct tca_explain *ex, size_t over)
{
    if (ex->out.used <= over)
        return 0;
    if (!ex->failed && ex->fn(ex->user, ex->out.bytes, ex->out.used) != 0)
        ex->failed = true;
    tca_buf_reset(&ex->out);
    return ex->failed ? TCA_EOUTPUT : 0;
}

/* ---- a segment in words ---- */

/* What was made in the buffer for a moment, cut to the room there is. */
static void keep(struct tca_explain *ex, char *to, size_t room)
{
    size_t length = ex->text.used < room ? ex->text.used : room - 1;
    memcpy(to, tca_buf_text(&ex->text), length);
    to[length] = '\0';
    ex->out.failed |= ex->text.failed;
    tca_buf_reset(&ex->text);
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

static void add_numbers(struct tca_explain *ex, const struct tca_trace *t, struct tca_buf *out)
{
    const struct sender *self = &ex->sender[t->from], *peer = &ex->sender[!t->from];
    tca_buf_fmt(out, "seq=%ld", (long)seq_diff(t->seq, self->base));
    if (t->flags & TCA_ACK)
        tca_buf_fmt(out, " ack=%ld", (long)seq_diff(t->ack, peer->base));
    if (t->len)
        tca_buf_fmt(out, " len=%u", (unsigned)t->len);
    if (t->window == 0 && !(t->flags & TCA_RST))
        tca_buf_str(out, " win=0");
    if (t->capture_copy)
        tca_buf_str(out, " (copy)");
}

static void put_label(struct tca_explain *ex, const struct tca_trace *t, struct ladder_entry *e)
{
    if (t->icmp) {
        tca_buf_fmt(&ex->text, "ICMP error type %u code %u", t->icmp_type, t->icmp_code);
        keep(ex, e->flags, sizeof e->flags);
        return;
    }
    add_flags(&ex->text, t->flags);
    keep(ex, e->flags, sizeof e->flags);
    add_numbers(ex, t, &ex->text);
    keep(ex, e->numbers, sizeof e->numbers);
}

static const char *comment_of(const struct tca_explain *ex, const struct tca_trace *t)
{
    const struct tca_capture_facts *capture = ex->view->capture;
    const char *comment = tca_comment_of(capture->comments, capture->ordinal,
                                         tca_moved_record(capture->moved, capture->ordinal, t->frame));
    return comment && capture->anon ? TCA_LEFT_OUT : comment;
}

/* ---- entries ---- */

static void tell(struct tca_explain *ex, const struct ladder_entry *e)
{
    if (ex->form->entry)
        ex->form->entry(ex, e);
    memcpy(ex->before, e->state, sizeof ex->before);
}

static int64_t silence_before(const struct tca_explain *ex, const struct told_segment *told)
{
    int64_t gap = ex->last_ns < 0 ? 0 : told->t->time_ns - ex->last_ns;
    return gap >= (told->name[0] ? NAMED_GAP_NS : GAP_NS) ? gap : -1;
}

static void tell_segment(struct tca_explain *ex, const struct told_segment *told)
{
    const struct tca_trace *t = told->t;
    struct ladder_entry e = {.kind = LADDER_SEGMENT,
                             .from = t->icmp ? !t->from : t->from,
                             .icmp = t->icmp,
                             .ignored = told->ignored,
                             .repeat = told->repeat,
                             .time_ns = t->time_ns,
                             .gap_ns = silence_before(ex, told),
                             .frame = t->frame,
                             .spot = tca_record_spot(ex->view->capture, 0, t->frame),
                             .comment = comment_of(ex, t)};
    e.last = e.spot;
    if (!t->icmp) {
        e.segments[t->from] = 1;
        e.bytes[t->from] = t->len;
    }
    for (int side = 0; side < 2; side++)
        e.state[side] = tca_explain_state(&explain_mirror(ex)->side[side], t);
    put_label(ex, t, &e);
    memcpy(e.name, told->name, strlen(told->name) + 1);
    e.parted = told->ignored && !ex->parted && e.state[TCA_CLIENT] == TCA_ESTABLISHED &&
               e.state[TCA_SERVER] == TCA_SYN_RECV;
    ex->parted |= e.parted;
    tell(ex, &e);
    ex->last_ns = t->time_ns;
}

static int64_t timer_gap(const struct tca_explain *ex, int64_t time_ns)
{
    int64_t gap = ex->last_ns < 0 ? 0 : time_ns - ex->last_ns;
    return gap >= GAP_NS ? gap : -1;
}

/* States that ended by a clock before this moment: no segment shows them. */
static void tell_timers(struct tca_explain *ex, int64_t until_ns)
{
    for (int side = 0; side < 2; side++) {
        const struct tca_side *s = &explain_mirror(ex)->side[side];
        int *i = &ex->sender[side].next_step;
        for (; *i < s->step_count && s->step[*i].time_ns <= until_ns; ++*i) {
            const struct tca_step *step = &s->step[*i];
            if (!tca_explain_timer(step))
                continue;
            struct ladder_entry e = {.kind = LADDER_TIMER,
                                     .from = (uint8_t)side,
                                     .waited = step->event == TCA_TIMER_2MSL,
                                     .time_ns = step->time_ns,
                                     .gap_ns = timer_gap(ex, step->time_ns)};
            memcpy(e.state, ex->before, sizeof e.state);
            e.state[side] = (enum tca_state)step->state;
            tell(ex, &e);
            ex->last_ns = step->time_ns;
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
static bool is_plain(const struct tca_explain *ex, const struct told_segment *told)
{
    const struct tca_trace *t = told->t;
    const struct tca_mirror *m = explain_mirror(ex);
    if (ex->sparse)
        return false;
    int64_t before_ns = ex->fold.count ? ex->fold.last.time_ns : ex->last_ns;
    if (t->icmp || told->name[0] || told->ignored || (t->flags & (TCA_SYN | TCA_FIN | TCA_RST)) ||
        (t->window == 0) != ex->sender[t->from].shut)
        return false;
    if (before_ns < 0 || t->time_ns - before_ns >= GAP_NS)
        return false;
    for (int side = 0; side < 2; side++)
        if (tca_explain_state(&m->side[side], t) != ex->before[side])
            return false;
    return !comment_of(ex, t) && !proves_something(ex->view->v, t->frame);
}

static void tell_fold(struct tca_explain *ex)
{
    const struct fold *f = &ex->fold;
    struct ladder_entry e = {.kind = LADDER_FOLD,
                             .time_ns = f->kept[0].time_ns,
                             .gap_ns = -1,
                             .frame = f->kept[0].frame,
                             .spot = tca_record_spot(ex->view->capture, 0, f->kept[0].frame),
                             .last = tca_record_spot(ex->view->capture, 0, f->last.frame)};
    memcpy(e.state, ex->before, sizeof e.state);
    memcpy(e.bytes, f->bytes, sizeof e.bytes);
    memcpy(e.segments, f->segments, sizeof e.segments);
    tell(ex, &e);
    ex->last_ns = f->last.time_ns;
}

static void end_run(struct tca_explain *ex)
{
    if (ex->fold.count > FOLD_OVER)
        tell_fold(ex);
    else
        for (uint64_t i = 0; i < ex->fold.count; i++)
            tell_segment(ex, &(struct told_segment){.t = &ex->fold.kept[i], .name = ""});
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

static void tell_or_fold(struct tca_explain *ex, const struct told_segment *told)
{
    if (is_plain(ex, told)) {
        join_run(ex, told->t);
        return;
    }
    end_run(ex);
    tell_timers(ex, told->t->time_ns);
    tell_segment(ex, told);
}

/* ---- from one end to the other ---- */

const struct tca_explain_form *tca_explain_form(const char *name)
{
    static const struct tca_explain_form *const forms[] = {&tca_explain_text,    &tca_explain_ascii,
                                                           &tca_explain_svg,     &tca_explain_html,
                                                           &tca_explain_mermaid, &tca_explain_xplot};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i]->name, name) == 0)
            return forms[i];
    return NULL;
}

/* What is known before the first segment. */
static void begin_turn(struct tca_explain *ex)
{
    memset(ex->sender, 0, sizeof ex->sender);
    memset(&ex->fold, 0, sizeof ex->fold);
    ex->last_ns = -1;
    ex->parted = ex->answered = false;
    for (int side = 0; side < 2; side++) {
        const struct tca_side *s = &explain_mirror(ex)->side[side];
        ex->sender[side].base = s->iss;
        ex->sender[side].base_known = s->iss_known;
        ex->before[side] = TCA_STATE_COUNT;
    }
    if (ex->form->head)
        ex->form->head(ex);
}

int tca_explain_new(const struct tca_flow_view *view, const struct tca_explain_form *form, tca_write_fn *fn,
                    void *user, struct tca_explain **ret_explain)
{
    struct tca_explain *ex = tca_alloc(sizeof *ex);
    if (!ex)
        return TCA_EMEMORY;
    ex->view = view;
    ex->form = form;
    ex->fn = fn;
    ex->user = user;
    begin_turn(ex);
    *ret_explain = ex;
    return 0;
}

int tca_explain_segment(struct tca_explain *ex, const struct tca_trace *trace)
{
    struct tca_trace t = *trace;
    t.from = t.from ? TCA_SERVER : TCA_CLIENT;
    char name[80];
    tca_explain_base(ex, &t);
    tca_explain_copy(&ex->sender[t.from], &t);
    struct told_segment told = {.t = &t, .name = name};
    told.repeat = tca_explain_name(ex, &t, name, sizeof name);
    told.ignored = tca_explain_ignored(ex, &t);
    if (ex->form->segment)
        ex->form->segment(ex, &told);
    if (ex->form->entry)
        tell_or_fold(ex, &told);
    tca_explain_sent(&ex->sender[t.from], &t);
    if ((t.flags & (TCA_SYN | TCA_ACK)) == (TCA_SYN | TCA_ACK) && t.from == TCA_SERVER)
        ex->answered = true;
    if (ex->out.failed)
        return TCA_EMEMORY;
    return flush(ex, PIECE_BYTES);
}

static void end_turn(struct tca_explain *ex)
{
    if (ex->form->entry) {
        end_run(ex);
        tell_timers(ex, INT64_MAX);
    }
    if (ex->form->end)
        ex->form->end(ex);
}

bool tca_explain_again(struct tca_explain *ex)
{
    end_turn(ex);
    if (++ex->turn >= ex->form->turns)
        return false;
    begin_turn(ex);
    return true;
}

int tca_explain_end(struct tca_explain *ex)
{
    if (!ex)
        return 0;
    int r = ex->out.failed ? TCA_EMEMORY : flush(ex, 0);
    tca_picture_free(ex->picture);
    tca_plot_free(ex->plot);
    tca_buf_done(&ex->text);
    tca_buf_done(&ex->out);
    tca_free(ex);
    return r;
}
