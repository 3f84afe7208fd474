/* SPDX-License-Identifier: MIT
 *
 * Reading the marks of a SYN cookie. Checked against Linux cookie_init_timestamp(), tcp_conn_request() and
 * cookie_v4_check() (5.10 to 7.2).
 */
#include "classify/read/cookie.h"

#include "base/seq32.h"

#define US     INT64_C(1000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t VALID_NS = 10 * SECOND; /* clocks drift apart */

/* How much longer the way of this SYN+ACK was than that of the child's answer to the first request, at least: away from
 * the server a path that varies makes a lag of its own. 0 where there is nothing to compare. */
static int64_t delay_of(const struct tca_dossier *d, const struct tca_mark *synack,
                        const struct tca_mark *child)
{
    const struct tca_mark *newest = NULL, *syn;
    int64_t asked_ns = d->m.side[TCA_CLIENT].first_data_ns;
    for (unsigned n = 0; (syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, n)) != NULL; n++)
        if (syn->frame < synack->frame)
            newest = syn;
    if (!newest || asked_ns <= synack->time_ns || child->time_ns < asked_ns)
        return 0;
    int64_t delay = (synack->time_ns - newest->time_ns) - (child->time_ns - asked_ns);
    return delay > 0 ? delay : 0;
}

bool tca_cookie_lag(const struct tca_dossier *d, const struct tca_mark *synack, int64_t *ret_ms)
{
    const struct tca_mark *child = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0);
    if (!child || !synack || !child->has_ts || !synack->has_ts)
        return false;
    int64_t apart = child->time_ns - synack->time_ns;
    if (apart < 0 || apart > VALID_NS)
        return false;
    int64_t lag_ms = seq_diff(child->tsval, synack->tsval) - apart / MS,
            delay_ms = delay_of(d, synack, child) / MS;
    if (lag_ms >= TCA_COOKIE_SKEW_MIN && lag_ms - delay_ms < TCA_COOKIE_SKEW_MIN)
        return false;
    *ret_ms = lag_ms;
    return true;
}

/* The options that a cookie's time stamp holds (syncookies.c TS_OPT_WSCALE_MASK, TS_OPT_SACK, TS_OPT_ECN). */
static int64_t code_of_options(const struct tca_mirror *m, const struct tca_mark *synack)
{
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    unsigned scale = !server->has_wscale ? 15 : client->wscale < 14 ? client->wscale : 14;
    return scale | (server->sack_ok ? 16 : 0) | (synack->flags & TCA_ECE ? 32 : 0);
}

bool tca_cookie_stamp(const struct tca_dossier *d, const struct tca_mark *synack, struct tca_stamp *ret)
{
    const struct tca_mark *child = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0);
    int64_t lag;
    if (!tca_cookie_lag(d, synack, &lag))
        return false;
    ret->named_us = child->time_ns / US - seq_diff(child->tsval, synack->tsval) * INT64_C(1000);
    ret->lag_us = synack->time_ns / US - ret->named_us;
    int64_t phase = (ret->named_us - code_of_options(&d->m, synack) * 1000) % TCA_STAMP_STEP_US;
    ret->phase_us = (int32_t)(phase < 0 ? phase + TCA_STAMP_STEP_US : phase);
    return true;
}

bool tca_cookie_options_withheld(const struct tca_mirror *m, const struct tca_mark *syn,
                                 const struct tca_mark *synack)
{
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    bool plain = syn && (!syn->has_ts || (synack && !synack->has_ts)); /* no time stamp bears them */
    bool offered =
        client->sack_ok && (client->has_wscale || client->opt_cut) && plain; /* the window scale comes last */
    bool bare = server->has_mss && !server->has_wscale && !server->sack_ok;
    return offered && bare && synack && !server->opt_cut && (!synack->has_ip_id || !synack->ip_id);
}

bool tca_cookie_options_missing(const struct tca_mirror *m, const struct tca_mark *syn,
                                const struct tca_mark *synack)
{
    return tca_cookie_options_withheld(m, syn, synack) && synack->has_ip_id;
}

int64_t tca_cookie_window(const struct tca_dossier *d, const struct tca_mark *synack)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    const struct tca_mark *child = tca_dossier_mark(d, TCA_MARK_CHILD, TCA_SERVER, 0);
    bool known = client->iss_known && server->wscale_known && synack && synack->has_ts;
    if (!known || !child || !(child->flags & TCA_ACK) || (child->flags & TCA_RST))
        return 0;
    int64_t unit = INT64_C(1) << server->wscale;
    int64_t promised = seq_diff(synack->ack, client->iss) + synack->window;
    int64_t offered = seq_diff(child->ack, client->iss) + child->window * unit;
    int64_t less = promised - offered;
    return less > unit && less < server->mss ? less : 0;
}
