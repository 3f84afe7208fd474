/* SPDX-License-Identifier: MIT
 *
 * What kept a connection waiting: closed windows, probes of an idle peer, delayed acknowledgments, and what an acknowledgment
 * says of payload that was sent again (again.c). Counts and first frames only; the judges of classify/liveness.c read them.
 *
 * A retransmission was needless if the receiver says so: by a D-SACK (RFC 2883), or by echoing a time stamp older than the
 * copy's (RFC 3522). A D-SACK of what was sent once means that the network delivered it twice.
 *
 * Checked against Linux tcp_keepalive_timer(), tcp_probe_timer(), tcp_send_delayed_ack() (5.10 to 7.2), RFC 1122 section
 * 4.2.3. Most connections never need a struct tca_trouble; it is taken from a pool at the first sign of any.
 */
#include "base/seq32.h"
#include "mirror/step.h"

#include <tcpautopsy/error.h>

/* ACKs later than this were not sent at once. */
static const int64_t DELAYED_NS = 30 * TCA_MS, DELAYED_MOST_NS = 600 * TCA_MS;
/* What follows an acknowledgment within this, the path aside, had waited for it. */
static const int64_t FOLLOWS_NS = 2 * TCA_MS;
/* Window probes back off up to this (TCP_RTO_MAX); then they are even, as keepalive is from the first on. */
static const int64_t BACKED_OFF_NS = 100 * TCA_SECOND;
/* TCP_KEEPIDLE is a second at least. Less was seen here: what ended the silence had not reached the sender yet. */
static const int64_t LEAST_IDLE_NS = TCA_SECOND / 2;

/* The trouble of both sides, at the first need of it. NULL: no memory. */
static struct tca_trouble *trouble_of(struct tca_mirror_context *ctx, struct tca_mirror *m)
{
    if (!m->trouble)
        m->trouble = tca_pool_take(&ctx->troubles);
    return m->trouble;
}

/* ---- what an acknowledgment says of the other side's payload ---- */

static bool is_delay_of_a_stack(int64_t delay_ns)
{
    return (delay_ns >= 35 * TCA_MS && delay_ns <= 60 * TCA_MS) ||
           (delay_ns >= 180 * TCA_MS && delay_ns <= 250 * TCA_MS);
}

/* The timer runs since the oldest payload that it covers: only of payload that came alone is that the newest. */
void tca_step_delayed_ack(const struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                          const struct tca_segment *seg)
{
    int64_t delay = step_since(to->sent_ns, seg->time_ns) - step_path_ns(m, step_role(m, from));
    if (!to->alone || delay < DELAYED_NS || delay > DELAYED_MOST_NS)
        return;
    uint32_t us = (uint32_t)(delay / 1000);
    if (!from->delayed_acks++ || us < from->delayed_ack_min_us)
        from->delayed_ack_min_us = us;
    if (us > from->delayed_ack_max_us)
        from->delayed_ack_max_us = us;
    if (is_delay_of_a_stack(delay))
        to->held_us = us;
}

static void found_needless(struct step *s, struct tca_again *again)
{
    if (again->told)
        return;
    again->told = true;
    s->to->retx_spurious++;
    s->mark.roles |= TCA_MARK_SPURIOUS;
}

/* The newest payload of the peer that was sent again, while an acknowledgment of this role may show that it was needless; NULL:
 * none can. */
static struct tca_again *doubtful(const struct tca_mirror *m, int from_role)
{
    struct tca_trouble *t = m->trouble ? &m->trouble[1 - from_role] : NULL;
    if (!t || !t->again_count)
        return NULL;
    struct tca_again *again = &t->again[(t->again_count - 1) % TCA_AGAIN_MAX];
    return again->first_waiting && again->has_ts && !again->told ? again : NULL;
}

uint8_t tca_step_echoes(const struct tca_mirror *m)
{
    return (uint8_t)((doubtful(m, TCA_CLIENT) != NULL) << TCA_CLIENT | (doubtful(m, TCA_SERVER) != NULL)
                                                                           << TCA_SERVER);
}

/* The newest that was sent again, if this acknowledgment shows it to have been needless: the copy filled the place where the
 * receiver stood, so it would echo the copy's time stamp had it needed it. */
static struct tca_again *needless_by_echo(const struct tca_mirror *m, const struct tca_segment *seg,
                                          int from_role)
{
    struct tca_again *again = doubtful(m, from_role);
    bool needless = again && seg->opt.has_ts && seq_after_eq(seg->ack, again->end) &&
                    seq_before(seg->opt.tsecr, again->tsval);
    return needless ? again : NULL;
}

bool tca_step_echo_tells(const struct tca_mirror *m, const struct tca_segment *seg,
                         const struct tca_side *from)
{
    return needless_by_echo(m, seg, step_role(m, from)) != NULL;
}

/* [left, right) came twice to the receiver. */
static void read_dsack(struct step *s, struct tca_trouble *t, uint32_t left, uint32_t right)
{
    uint32_t kept = t->again_count < TCA_AGAIN_MAX ? t->again_count : TCA_AGAIN_MAX;
    for (uint32_t at = 0; at < kept; at++)
        if (seq_before(t->again[at].seq, right) && seq_after(t->again[at].end, left)) {
            found_needless(s, &t->again[at]);
            return;
        }
    if (s->to->iss_known && seq_before(left, s->to->iss))
        return; /* of the connection before this one */
    /* A probe's single byte is meant to come twice; and of many repetitions only the newest are known. */
    bool seen = (s->to->recent.roles & TCA_MARK_OLD_DUP) && s->to->recent.seq == left; /* counted already */
    if (right - left <= 1 || seen || t->again_count > TCA_AGAIN_MAX || s->to->keepalive_count)
        return;
    t->old_dup_count++;
    s->mark.roles |= TCA_MARK_OLD_DUP;
}

static bool is_dsack(const struct tca_segment *seg)
{
    const uint32_t(*block)[2] = seg->opt.sack;
    if (seq_before_eq(block[0][1], seg->ack))
        return true;
    return seg->opt.sack_count > 1 && seq_after_eq(block[0][0], block[1][0]) &&
           seq_before_eq(block[0][1], block[1][1]);
}

static int read_sack(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_side *to = s->to;
    const struct tca_segment *seg = s->seg;
    unsigned at = 0;
    if (is_dsack(seg)) {
        if (!trouble_of(ctx, s->m))
            return TCA_EMEMORY;
        if (seq_before(seg->opt.sack[0][0], seg->opt.sack[0][1]))
            read_dsack(s, &s->m->trouble[1 - s->from_role], seg->opt.sack[0][0], seg->opt.sack[0][1]);
        at = 1;
    }
    for (; at < seg->opt.sack_count; at++) {
        uint32_t edge = seg->opt.sack[at][1];
        if (seq_before_eq(edge, seg->ack) || seq_after(edge, to->snd_nxt))
            continue;
        if (!to->sacked || seq_after(edge, to->sacked_to)) {
            to->sacked_to = edge;
            to->news = true;
        }
        to->sacked = true;
    }
    return TCA_OK;
}

static void read_progress(struct step *s)
{
    struct tca_side *to = s->to;
    uint32_t ack = s->seg->ack;
    if (step_is_pure_ack(s->seg) && ack == to->snd_nxt)
        tca_step_delayed_ack(s->m, s->from, to, s->seg);
    to->una_ns = s->seg->time_ns;
    to->news = true;
    to->dup_acks = 0;
    if (to->recovery && seq_after_eq(ack, to->recover_end))
        to->recovery = TCA_RECOVERY_NONE;
    if (to->sacked && seq_before_eq(to->sacked_to, ack))
        to->sacked = false;
    struct tca_again *again = needless_by_echo(s->m, s->seg, s->from_role);
    if (again)
        found_needless(s, again);
}

/* The same number again, nothing else new, while something is outstanding (RFC 5681 section 2). */
static bool is_duplicate_ack(const struct step *s)
{
    return step_is_pure_ack(s->seg) && s->seg->ack == s->from->acked &&
           seq_after(s->to->snd_nxt, s->seg->ack) && s->from->recent.window == s->seg->window;
}

static int read_ack(struct tca_mirror_context *ctx, struct step *s)
{
    const struct tca_segment *seg = s->seg;
    if (!(seg->flags & TCA_ACK))
        return TCA_OK;
    if (s->account.advanced)
        read_progress(s);
    else if (is_duplicate_ack(s)) {
        if (s->to->dup_acks < UINT8_MAX)
            s->to->dup_acks++;
        s->to->news = true;
    }
    if (s->account.passed_over && s->m->trouble)
        s->m->trouble[1 - s->from_role].gap_missed += s->account.passed_over;
    if (s->account.unseen) {
        if (!trouble_of(ctx, s->m))
            return TCA_EMEMORY;
        s->m->trouble[1 - s->from_role].unseen_count++;
        s->mark.roles |= TCA_MARK_GAP;
    }
    return seg->opt.sack_count ? read_sack(ctx, s) : TCA_OK;
}

/* ---- payload and FINs ---- */

static int sent_new(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    bool alone = s->account.new_bytes == s->seg->len && step_is_alone(from, to, s->seg);
    bool held = from->held_us && alone &&
                step_since(from->una_ns, s->seg->time_ns) <= step_path_ns(s->m, s->from_role) + FOLLOWS_NS;
    bool full = to->edge_known && to->wscale_known && s->account.new_bytes &&
                tca_segment_end(s->seg) == to->right_edge;
    if (held || full) {
        struct tca_trouble *t = trouble_of(ctx, s->m);
        if (!t)
            return TCA_EMEMORY;
        t += s->from_role;
        t->stall_count += held;
        t->stall_ns += held ? from->held_us * INT64_C(1000) : 0;
        t->window_full_count += full;
        s->mark.roles |= held ? TCA_MARK_HELD : 0;
        s->mark.roles |= full && t->window_full_count == 1 ? TCA_MARK_WINDOW_FULL : 0;
    }
    from->held_us = 0;
    from->alone = alone;
    to->held_us = 0; /* an answer in payload: nothing was held back */
    return TCA_OK;
}

static bool is_fin_again(const struct step *s)
{
    return (s->seg->flags & TCA_FIN) && !s->seg->len && s->mark.copy > 1;
}

static int read_payload(struct tca_mirror_context *ctx, struct step *s)
{
    const struct tca_account *account = &s->account;
    bool again = account->retransmitted || account->filled || is_fin_again(s);
    if (again || account->late || account->opened) {
        struct tca_trouble *t = trouble_of(ctx, s->m);
        if (!t)
            return TCA_EMEMORY;
        t += s->from_role;
        if (account->opened) {
            t->gap_count++;
            t->hole_ns = s->seg->time_ns;
            t->hole_in_pieces = false;
            s->mark.roles |= TCA_MARK_GAP;
        } else if (tca_step_was_overtaken(s, t)) {
            return TCA_OK;
        } else if (again) {
            tca_step_sent_again(s, t);
        }
    }
    if (!again && s->seg->len && step_is_paused(s->from, s->to, s->seg))
        s->from->paused++;
    s->from->sent_ns = s->seg->time_ns;
    s->from->news = false;
    if (!s->seg->len) /* a FIN */
        s->from->alone = s->to->acked_known && s->seg->seq == s->to->acked;
    return again || !s->seg->len ? TCA_OK : sent_new(ctx, s);
}

/* ---- probes ---- */

/* A probe's place among those that nothing has answered since. */
static void count_probe(const struct step *s, struct tca_trouble *t)
{
    const struct tca_side *to = s->to;
    bool answered = !t->probe_run || to->last_ns >= t->probe_last_ns;
    int64_t gap_ns = step_since(t->probe_last_ns, s->seg->time_ns);
    t->probe_gap_ns = t->probe_run ? gap_ns : 0;
    t->probe_run = answered ? 1 : t->probe_run + 1;
    t->probe_last_ns = s->seg->time_ns;
    t->probe_last_frame = s->seg->frame;
}

static void keepalive(struct step *s, struct tca_trouble *t)
{
    struct tca_side *from = s->from;
    count_probe(s, t);
    if (t->probe_run == 1) {
        int64_t idle_ns = step_since(s->to->last_ns, s->seg->time_ns);
        if (idle_ns >= LEAST_IDLE_NS && (!from->keepalive_idle_ns || idle_ns < from->keepalive_idle_ns))
            from->keepalive_idle_ns = idle_ns;
    } else if (!from->keepalive_interval_ns || t->probe_gap_ns < from->keepalive_interval_ns) {
        from->keepalive_interval_ns = t->probe_gap_ns;
    }
    if (t->probe_run > from->keepalive_unanswered)
        from->keepalive_unanswered = t->probe_run;
}

static void window_probe(struct step *s, struct tca_trouble *both)
{
    struct tca_trouble *t = &both[s->from_role];
    int64_t before_ns = t->probe_gap_ns;
    count_probe(s, t);
    bool even = t->probe_gap_ns >= TCA_SECOND && t->probe_gap_ns < BACKED_OFF_NS && before_ns &&
                t->probe_gap_ns - before_ns <= before_ns / 8 && before_ns - t->probe_gap_ns <= before_ns / 8;
    t->probe_even += even;
    s->from->window_probes++;
    both[1 - s->from_role].zero.count++;
    s->mark.roles |= TCA_MARK_WINDOW_PROBE;
}

static int read_probe(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_trouble *both = trouble_of(ctx, s->m);
    if (!both)
        return TCA_EMEMORY;
    if (s->account.keepalive)
        keepalive(s, &both[s->from_role]);
    else
        window_probe(s, both);
    return TCA_OK;
}

/* ---- windows ---- */

/* Times may go back in a file: then nothing is added, and a sum never wraps. */
static void add_zero_window(struct tca_side *side, int64_t until_ns)
{
    int64_t more = until_ns - side->zero_since_ns;
    if (more > 0)
        side->zero_ns = side->zero_ns < INT64_MAX - more ? side->zero_ns + more : INT64_MAX;
}

/* The window is open again, or the flow over. A time in which the peer probed counts before any other. */
static void end_closed(struct tca_trouble *t, int64_t until_ns, uint64_t frame)
{
    struct tca_spell *worst = &t->zero_worst;
    t->zero.end_ns = step_later(until_ns, t->zero.start_ns);
    t->zero.last_frame = frame;
    bool probed = t->zero.count > 0, worst_probed = worst->count > 0;
    bool longer = t->zero.end_ns - t->zero.start_ns > worst->end_ns - worst->start_ns;
    if (!worst->first_frame || (probed == worst_probed ? longer : probed))
        *worst = t->zero;
}

static int read_window(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_side *from = s->from;
    const struct tca_segment *seg = s->seg;
    if (!(seg->flags & TCA_ACK) || !seg->window == from->zero_open)
        return TCA_OK;
    struct tca_trouble *t = trouble_of(ctx, s->m);
    if (!t)
        return TCA_EMEMORY;
    t += s->from_role;
    from->zero_open = !seg->window;
    if (from->zero_open) {
        from->zero_since_ns = seg->time_ns;
        t->zero_count++;
        t->zero = (struct tca_spell){.start_ns = seg->time_ns, .first_frame = seg->frame};
        s->mark.roles |= TCA_MARK_ZERO_WINDOW;
    } else {
        add_zero_window(from, seg->time_ns);
        end_closed(t, seg->time_ns, seg->frame);
    }
    return TCA_OK;
}

/* ---- refusals ---- */

/* The newest segment of the other side that was refused so; 0: none. */
static uint64_t refused_frame(const struct tca_side *sender)
{
    const struct tca_stray *stray = &sender->stray;
    if (stray->refusal == TCA_REJECT_PAWS && stray->frame > sender->recent.frame)
        return stray->frame;
    return sender->recent.roles & TCA_MARK_PAWS ? sender->recent.frame : 0;
}

/* Refused as older than the newest time stamp, and the acknowledgment that answers (RFC 7323 section 5.3). */
static int read_paws(struct tca_mirror_context *ctx, struct step *s)
{
    if (s->acceptance == TCA_REJECT_PAWS && s->mark.receiver_state != TCA_TIME_WAIT) {
        s->to->paws_rejected++;
        s->mark.roles |= TCA_MARK_PAWS;
    }
    if (step_is_pure_ack(s->seg) && s->seg->ack == s->from->recent.ack &&
        refused_frame(s->to) > s->from->recent.frame) {
        struct tca_trouble *t = trouble_of(ctx, s->m);
        if (!t)
            return TCA_EMEMORY;
        t[s->from_role].paws_answered++;
        s->mark.roles |= TCA_MARK_PAWS_ACK;
    }
    return TCA_OK;
}

/* ---- every segment ---- */

static int read_sending(struct tca_mirror_context *ctx, struct step *s)
{
    if (s->account.keepalive || (s->account.probe && s->seg->len <= 1))
        return read_probe(ctx, s);
    if (step_carries(s->seg))
        return read_payload(ctx, s);
    if (s->account.late && trouble_of(ctx, s->m))
        tca_step_overtaken(s, &s->m->trouble[s->from_role]);
    return s->account.late && !s->m->trouble ? TCA_EMEMORY : TCA_OK;
}

int tca_step_liveness(struct tca_mirror_context *ctx, struct step *s)
{
    if ((s->seg->flags & (TCA_SYN | TCA_RST)) || s->account.foreign)
        return TCA_OK;
    bool socket = s->mark.sender_state != TCA_SYN_RECV; /* a request's answer has no counter on Linux */
    s->from->challenge_count += (s->mark.roles & TCA_MARK_CHALLENGE) && socket;
    int error = read_ack(ctx, s);
    if (!error)
        error = read_sending(ctx, s);
    if (!error)
        error = read_window(ctx, s);
    return error ? error : read_paws(ctx, s);
}

void tca_liveness_finish(struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        struct tca_side *side = &m->side[role];
        if (!side->zero_open)
            continue;
        add_zero_window(side, m->last_ns);
        if (m->trouble)
            end_closed(&m->trouble[role], m->last_ns, 0);
    }
}
