/* SPDX-License-Identifier: MIT
 *
 * Explain: what one segment is told as. The states it leads to, whether its receiver took it, and which repeat it is.
 */
#include "report/explain_own.h"

#include "base/seq32.h"

#include <stdio.h>

/* The mark kept of a frame, by bisection; NULL if none. */
static const struct tca_mark *mark_of(const struct tca_dossier *d, uint64_t frame)
{
    size_t low = 0, high = d->mark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->mark[middle].frame < frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low < d->mark_count && d->mark[low].frame == frame ? &d->mark[low] : NULL;
}

/* Was this SYN left unanswered? Its next mark is then another SYN of the same side, or there is none. */
static bool syn_unanswered(const struct tca_dossier *d, const struct tca_trace *t)
{
    const struct tca_mark *self = mark_of(d, t->frame);
    if (!self)
        return false;
    for (const struct tca_mark *next = self + 1; next < d->mark + d->mark_count; next++) {
        if (next->side != t->from)
            return false;
        if (next->roles & TCA_MARK_SYN)
            return true;
        if (!(next->roles & TCA_MARK_LAST))
            return false;
    }
    return d->m.side[!t->from].pkts == 0;
}

bool tca_explain_timer(const struct tca_step *step)
{
    return step->event == TCA_TIMER_2MSL || step->event == TCA_TIMER_USER;
}

/* The settled state after this segment. A timer's step bears the frame before it, so its time decides. */
enum tca_state tca_explain_state(const struct tca_side *s, const struct tca_trace *t)
{
    enum tca_state state = tca_first_state(s);
    for (int i = 0; i < s->step_count; i++)
        if (tca_explain_timer(&s->step[i]) ? s->step[i].time_ns <= t->time_ns : s->step[i].frame <= t->frame)
            state = (enum tca_state)s->step[i].state;
    return state;
}

/* Openings, ACKs of them and resets that their receiver did not take. Of data this cannot be told as it passes: a
 * segment sent again may have been lost, or its acknowledgment was. So an arrow does not promise arrival. */
bool tca_explain_ignored(const struct tca_explain *ex, const struct tca_trace *t)
{
    const struct tca_mirror *m = explain_mirror(ex);
    if (t->icmp || t->capture_copy)
        return false;
    if (t->late)
        return true;
    const struct tca_mark *mark = mark_of(ex->view->c->d, t->frame);
    if (t->flags & TCA_RST)
        return mark && (mark->rst_fit == TCA_RST_IN_WINDOW || mark->rst_fit == TCA_RST_OUTSIDE);
    if ((t->flags & (TCA_SYN | TCA_ACK)) == TCA_SYN)
        return syn_unanswered(ex->view->c->d, t);
    bool before_child = !m->child_proved || t->frame < m->child_frame;
    return m->ack_ignored_count && t->from == TCA_CLIENT && (t->flags & TCA_ACK) && ex->answered &&
           before_child && tca_explain_state(&m->side[TCA_SERVER], t) == TCA_SYN_RECV;
}

/* What the mirror knows of a segment by its roles. `payload`: the role says it of payload only. */
static const struct {
    uint32_t role;
    bool payload;
    const char *name;
} named[] = {
    {TCA_MARK_KEEPALIVE, false, "keepalive probe"}, {TCA_MARK_WINDOW_PROBE, false, "window probe"},
    {TCA_MARK_CHALLENGE, false, "challenge ACK"},   {TCA_MARK_OLD_DUP, true, "delivered twice"},
    {TCA_MARK_REORDERED, true, "overtaken"},
};

/* SYN and FIN in one with another number than the side began with: nobody takes it, and it repeats nothing. */
static bool is_probe(const struct sender *s, const struct tca_trace *t)
{
    return (t->flags & (TCA_SYN | TCA_FIN | TCA_ACK)) == (TCA_SYN | TCA_FIN) && s->base_known &&
           t->seq != s->base;
}

/* The name of a repeat; "" for what is none. The counts of copies are those of the whole connection. */
bool tca_explain_name(struct tca_explain *ex, const struct tca_trace *t, char *name, size_t size)
{
    const struct tca_side *side = &explain_mirror(ex)->side[t->from];
    const struct sender *s = &ex->sender[t->from];
    const struct {
        bool is;
        const char *what;
        uint64_t copy, total;
    } ladder[] = {
        {(t->flags & (TCA_SYN | TCA_ACK)) == TCA_SYN, "SYN", s->syn, side->syn_count},
        {(t->flags & (TCA_SYN | TCA_ACK)) == (TCA_SYN | TCA_ACK), "SYN+ACK", s->synack, side->synack_count},
        {(t->flags & TCA_FIN) != 0, "FIN", s->fin, side->fin_count},
    };
    name[0] = '\0';
    if (t->late) {
        snprintf(name, size, "late: the next connection on these ports is open");
        return false;
    }
    if (t->icmp || t->capture_copy || (t->flags & TCA_RST) || is_probe(s, t))
        return false;
    for (size_t i = 0; i < sizeof ladder / sizeof ladder[0]; i++) {
        if (!ladder[i].is)
            continue;
        if (ladder[i].copy > 1)
            snprintf(
                name, size, "%s retransmission %llu of %llu", ladder[i].what,
                (unsigned long long)ladder[i].copy - 1,
                (unsigned long long)(ladder[i].total > ladder[i].copy ? ladder[i].total : ladder[i].copy) -
                    1);
        return ladder[i].copy > 1;
    }
    const struct tca_mark *mark = mark_of(ex->view->c->d, t->frame);
    for (size_t i = 0; mark && i < sizeof named / sizeof named[0]; i++)
        if ((mark->roles & named[i].role) && (t->len || !named[i].payload)) {
            snprintf(name, size, "%s", named[i].name);
            return false;
        }
    bool again = t->len && s->sent_known && seq_before_eq(t->seq + t->len, s->sent_end);
    if (again)
        snprintf(name, size, "data retransmission");
    return again;
}

void tca_explain_copy(struct sender *s, const struct tca_trace *t)
{
    if (t->icmp || t->capture_copy || t->late || is_probe(s, t))
        return;
    if ((t->flags & TCA_SYN) && (t->flags & TCA_ACK))
        s->synack++;
    else if (t->flags & TCA_SYN)
        s->syn++;
    if (t->flags & TCA_FIN)
        s->fin++;
}

/* Numbers are told from the first one seen where the side's opening was not captured. */
void tca_explain_base(struct tca_explain *ex, const struct tca_trace *t)
{
    struct sender *self = &ex->sender[t->from], *peer = &ex->sender[!t->from];
    if (t->icmp)
        return;
    if (!self->base_known && !(t->flags & TCA_RST)) {
        self->base = t->seq;
        self->base_known = true;
    }
    if (!peer->base_known && (t->flags & TCA_ACK)) {
        peer->base = t->ack;
        peer->base_known = true;
    }
}

void tca_explain_sent(struct sender *s, const struct tca_trace *t)
{
    if (t->icmp || (t->flags & TCA_RST) || is_probe(s, t))
        return;
    uint32_t end = t->seq + t->len + ((t->flags & TCA_SYN) ? 1 : 0) + ((t->flags & TCA_FIN) ? 1 : 0);
    if (!s->sent_known || seq_after(end, s->sent_end))
        s->sent_end = end;
    s->sent_known = true;
    s->shut = t->window == 0;
}
