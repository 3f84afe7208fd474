/* SPDX-License-Identifier: MIT
 *
 * Settings by what one segment shows, or how long one end waited. Timers are never early and late by up to an eighth.
 * Checked against Linux 5.10 to 7.2, measured on 6.18.
 */
#include "classify/setting/setting_parts.h"

#include "classify/ladder.h"

#define SECOND TCA_SECOND

static const int64_t LONG_WAIT_NS = 3 * SECOND; /* in FIN_WAIT2: sooner, a table of TIME_WAITs may be full */

/* ---- single facts ---- */

static void overflow_action(struct tca_gather *g)
{
    const struct tca_judgement *ignored = tca_gather_found(g, TCA_synack_ladder_accept_overflow, TCA_CERTAIN),
                               *aborted = tca_gather_found(g, TCA_rst_abort_on_overflow, TCA_CERTAIN);
    if (ignored)
        tca_observe_found(g, TCA_SERVER, TCA_SETTING_tcp_abort_on_overflow, 0, 0, ignored);
    if (aborted)
        tca_observe_found(g, TCA_SERVER, TCA_SETTING_tcp_abort_on_overflow, 1, 1, aborted);
}

/* The option's seconds are rounded up to whole rungs (secs_to_retrans). */
static void deferral(struct tca_gather *g)
{
    const struct tca_judgement *j = tca_gather_found(g, TCA_synack_defer_accept, TCA_CERTAIN);
    struct tca_ladder ladder;
    tca_ladder_read(g->d, &ladder);
    if (!j || !ladder.first_rung || tca_ladder_shape(&ladder) != TCA_LADDER_DEFERRED)
        return;
    int64_t seconds = (ladder.gap_ns + SECOND / 50) / SECOND, period = 1;
    while (2 * period + 1 <= seconds)
        period = 2 * period + 1;
    tca_observe(g, TCA_SERVER, TCA_SETTING_defer_accept, period / 2 + 1, period, ladder.first,
                ladder.first_rung);
}

/* Of each connection the segment that has most of the marks. */
static void os_marks(struct tca_gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_mark *first =
            tca_dossier_mark(g->d, role == TCA_CLIENT ? TCA_MARK_SYN : TCA_MARK_SYNACK, role, 0);
        bool is_linux = tca_gather_linux(g, role);
        if (first && (is_linux || g->c->host[role]->os == TCA_OS_OTHER))
            tca_observe(g, role, TCA_SETTING_linux, is_linux, is_linux, first, first);
    }
}

/* The request kept the TSval of an ACK that it refused (tcp_check_req), until 6.11 at the latest; SYNs that hosts behind
 * one address sent were dropped by tcp_tw_recycle, which 4.12 removed. */
static void older_kernel(struct tca_gather *g)
{
    const struct tca_judgement *recycled = tca_gather_found(g, TCA_syn_drop_paws_nat, TCA_PROBABLE);
    if (recycled)
        tca_observe_found(g, TCA_SERVER, TCA_SETTING_kernel, 0, TCA_RELEASE(4, 11), recycled);
    struct tca_ladder ladder;
    tca_ladder_read(g->d, &ladder);
    if (ladder.named && tca_gather_linux(g, TCA_SERVER))
        tca_observe(g, TCA_SERVER, TCA_SETTING_kernel, 0, TCA_RELEASE(6, 11), ladder.first, ladder.named);
}

static void cookies(struct tca_gather *g)
{
    const struct tca_judgement *j = tca_gather_found(g, TCA_handshake_synack_cookie, TCA_CERTAIN);
    if (j && g->c->listener->cookied.confidence < TCA_CERTAIN) /* the listener tells of all of them */
        tca_observe_found(g, TCA_SERVER, TCA_SETTING_tcp_syncookies, 1, 2, j);
}

/* The smallest number of seconds whose timer, late by up to an eighth, may run for this time. */
static int64_t least_seconds(int64_t time_ns)
{
    return ((time_ns - SECOND / 25) / 9 * 8 + SECOND - 1) / SECOND;
}

/* An orphan's FIN_WAIT2: gone when the peer's segment drew a reset, still there when it answered the peer's FIN as
 * TIME_WAIT does, without an IP ID. */
static void fin_wait2(struct tca_gather *g)
{
    const struct tca_judgement *gone = tca_gather_found(g, TCA_close_fin_wait2_timeout, TCA_PROBABLE);
    if (gone && gone->value >= LONG_WAIT_NS)
        tca_observe_found(g, gone->actor, TCA_SETTING_tcp_fin_timeout, 1, gone->value / SECOND, gone);
    int role = g->d->m.first_fin;
    if (gone || role > 1 || !g->c->host[role]->ids_tell)
        return;
    const struct tca_side *side = &g->d->m.side[role];
    const struct tca_mark *fin = tca_dossier_mark(g->d, TCA_MARK_FIN, 1 - role, 0),
                          *ack = tca_dossier_mark(g->d, TCA_MARK_FIN_ACK, role, 0);
    if (!fin || !ack || side->fin_acked_ns < 0 || !ack->has_ip_id || ack->ip_id || ack->frame < fin->frame ||
        ack->flags & (TCA_RST | TCA_FIN))
        return;
    int64_t waited = fin->time_ns - side->fin_acked_ns;
    if (waited >=
        LONG_WAIT_NS) /* no shorter than three and a half retransmission timeouts, whatever the setting */
        tca_observe(g, role, TCA_SETTING_tcp_fin_timeout, least_seconds(waited), TCA_NO_LIMIT, fin, ack);
}

/* By what its own options say. A SYN+ACK that lacks all of the client's is a cookie's. */
static void timestamps(struct tca_gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role], *client = &g->d->m.side[TCA_CLIENT];
        const struct tca_mark *first =
            tca_dossier_mark(g->d, role == TCA_CLIENT ? TCA_MARK_SYN : TCA_MARK_SYNACK, role, 0);
        const struct tca_mark *syn = tca_dossier_mark(g->d, TCA_MARK_SYN, TCA_CLIENT, 0);
        bool whole = first && syn && !(g->d->m.damage & TCA_DAMAGE_SNAPLEN) && tca_gather_linux(g, role);
        if (!whole || (role == TCA_SERVER && (!syn->has_ts || !client->has_wscale)))
            continue;
        if (first->has_ts)
            tca_observe(g, role, TCA_SETTING_tcp_timestamps, 1, 2, first, first);
        else if (side->has_wscale)
            tca_observe(g, role, TCA_SETTING_tcp_timestamps, 0, 0, first, first);
    }
}

/* A port that a program bound is taken at once, whatever the setting: several, none of them within a second. */
static void reuse(struct tca_gather *g)
{
    const struct tca_judgement *j = tca_gather_found(g, TCA_time_wait_reuse_client, TCA_CERTAIN);
    if (j)
        tca_observe_found(g, TCA_CLIENT, TCA_SETTING_tcp_tw_reuse, j->value >= SECOND ? 1 : 0, 2, j);
    const struct tca_judgement *taken = tca_gather_found(g, TCA_time_wait_reuse_accepted, TCA_CERTAIN);
    if (taken && taken->value >= SECOND)
        tca_observe_found(g, TCA_SERVER, TCA_SETTING_time_wait_length, taken->value / SECOND, TCA_NO_LIMIT,
                          taken);
}

static void assassination(struct tca_gather *g)
{
    const struct tca_judgement *killed = tca_gather_found(g, TCA_time_wait_assassinated, TCA_CERTAIN),
                               *loop = tca_gather_found(g, TCA_time_wait_refused_loop, TCA_CERTAIN);
    if (killed && killed->actor < 2)
        tca_observe_found(g, 1 - killed->actor, TCA_SETTING_tcp_rfc1337, 0, 0, killed);
    for (int role = 0; role < 2; role++) {
        const struct tca_mark *rst = tca_dossier_mark(g->d, TCA_MARK_RST, 1 - role, 0);
        if (g->d->m.side[role].rst_survived && rst)
            tca_observe(g, role, TCA_SETTING_tcp_rfc1337, 1, 1, rst, rst);
    }
    if (loop && tca_gather_found(g, TCA_time_wait_rst_ignored, TCA_CERTAIN))
        tca_observe_found(g, TCA_SERVER, TCA_SETTING_tcp_rfc1337, 1, 1, loop);
}

/* ---- keepalive, and acknowledgments ---- */

/* A timer of whole seconds, late by up to an eighth, that ran for this time. */
static void observe_seconds(struct tca_gather *g, int role, enum tca_setting_id id, int64_t time_ns,
                            const struct tca_mark *from, const struct tca_mark *to)
{
    int64_t most = (time_ns + SECOND / 50) / SECOND;
    if (most >= 1)
        tca_observe(g, role, id, least_seconds(time_ns), most, from, to);
}

static void keepalive(struct tca_gather *g)
{
    const struct tca_judgement *reset = tca_gather_found(g, TCA_rst_keepalive_timeout, TCA_CERTAIN);
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role];
        const struct tca_mark *first = tca_dossier_mark(g->d, TCA_MARK_KEEPALIVE, role, 0),
                              *last = tca_dossier_last(g->d, TCA_MARK_KEEPALIVE, role);
        if (!first || !tca_gather_linux(g, role))
            continue;
        if (side->keepalive_idle_ns > 0)
            observe_seconds(g, role, TCA_SETTING_keepidle, side->keepalive_idle_ns, first, first);
        if (side->keepalive_interval_ns > 0)
            observe_seconds(g, role, TCA_SETTING_keepintvl, side->keepalive_interval_ns, first, last);
        if (!g->sifted && reset && reset->actor == role && side->keepalive_unanswered > 1)
            tca_observe(g, role, TCA_SETTING_keepcnt, side->keepalive_unanswered, side->keepalive_unanswered,
                        first, last);
    }
}

static void delayed_acks(struct tca_gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role];
        if (side->delayed_acks && tca_gather_near(g->c, role))
            tca_observe(g, role, TCA_SETTING_delayed_ack, side->delayed_ack_min_us / 1000,
                        (side->delayed_ack_max_us + 999) / 1000, &side->recent, &side->recent);
    }
}

void tca_estimate_facts(struct tca_gather *g)
{
    overflow_action(g);
    deferral(g);
    os_marks(g);
    older_kernel(g);
    cookies(g);
    fin_wait2(g);
    timestamps(g);
    reuse(g);
    assassination(g);
    keepalive(g);
    delayed_acks(g);
}
