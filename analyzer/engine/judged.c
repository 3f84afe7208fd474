/* SPDX-License-Identifier: MIT
 *
 * From an item of the spool to a verdict: its clocks run to the end, what the sweeps found of its ends is put beside it, and the
 * judges are asked. Pure: the same however often it is done, and on any thread.
 */
#include "engine/judged.h"

#include "classify/handshake.h"

#include <string.h>

/* For a connection that was finished early the capture ends there: nobody knows what became of it. */
static int64_t watched_until(const struct tca_session *s, const struct tca_dossier *d)
{
    int64_t end_ns = s->capture[d->capture - 1]->facts.end_ns;
    return d->cut_short && d->cut_ns < end_ns ? d->cut_ns : end_ns;
}

/* One clock may start the next (a refuted open, then its retransmissions): a few rounds settle all. */
enum { CLOCK_ROUNDS = 3 };

void tca_pass2_settle(const struct tca_session *s, struct tca_reading *reading, const void *item,
                      int64_t until_ns, struct tca_settled *ret)
{
    struct tca_dossier *d = &ret->d;
    tca_spool_get(s, reading, item, d);
    tca_nat_tell(s, d);
    d->capture_end_ns = watched_until(s, d);
    bool goes_on = until_ns > d->capture_end_ns && !d->cut_short;
    int64_t end_ns = d->m.end_ns >= 0 ? d->m.end_ns : goes_on ? until_ns : d->capture_end_ns;
    struct tca_limits limits[2];
    const struct tca_hosts *hosts = tca_swept_of(s, d->capture)->hosts;
    for (int role = 0; role < 2; role++) {
        ret->host[role] = tca_hosts_find(hosts, d->capture, d->addr[role]);
        d->host[role] = tca_hosts_number(hosts, ret->host[role]);
        limits[role] = tca_host_limits(ret->host[role]);
        limits[role].watched_ns = d->capture_end_ns;
    }
    for (int round = 0; round < CLOCK_ROUNDS && tca_mirror_clock_known(&d->m, limits, end_ns);)
        round++;
    if (d->m.end_ns < 0 && !d->cut_short && tca_is_open(&d->m))
        d->m.damage |= TCA_DAMAGE_END_CUT;
    if (tca_alone_is_cut(s, d))
        d->m.damage |= TCA_DAMAGE_CUT_SHORT;
    if (tca_series_gap(s->capture[d->capture - 1], d))
        d->m.damage |= TCA_DAMAGE_GAP;
}

/* ---- judging ---- */

static bool is_asked_for(const struct tca_settings *set, enum tca_finding_id id,
                         enum tca_confidence confidence)
{
    return confidence >= set->min_confidence && (!set->some_findings || set->wanted[id]);
}

bool tca_pass2_tells(const struct tca_session *s, const struct tca_incident *one)
{
    return is_asked_for(&s->set, one->id, one->confidence);
}

/* Drop what the user does not want to read. The handshake and the close stay, they are columns: but they are no verdict then. */
void tca_judge_limit(const struct tca_settings *set, struct tca_verdict *v)
{
    unsigned kept = 2;
    int verdict = -1;
    for (unsigned at = 2; at < v->count; at++) {
        const struct tca_judgement *j = &v->judgement[at];
        if (!is_asked_for(set, j->id, j->confidence))
            continue;
        if (v->verdict == (int)at)
            verdict = (int)kept;
        v->judgement[kept++] = *j;
    }
    if (v->verdict >= 0 && v->verdict < 2 &&
        is_asked_for(set, v->judgement[v->verdict].id, v->judgement[v->verdict].confidence))
        verdict = v->verdict;
    v->count = (uint8_t)kept;
    v->verdict = verdict;
}

bool tca_judge_is_limited(const struct tca_settings *set)
{
    return set->some_findings || set->min_confidence > TCA_POSSIBLE;
}

/* What its hosts show, else its listener; as far as the TTLs allow. */
enum tca_vantage tca_pair_vantage(const struct tca_session *s, const struct tca_settled *settled,
                                  const struct tca_listener *listener)
{
    if (s->set.vantage)
        return s->set.vantage;
    enum tca_vantage pair = tca_hosts_vantage(tca_swept_of(s, settled->d.capture)->hosts, &settled->d);
    return tca_vantage_by_ttl(pair ? pair : listener->vantage, settled->host[TCA_CLIENT],
                              settled->host[TCA_SERVER]);
}

/* One packet in so many is worth a doubt. */
static bool is_lossy(const struct tca_capture_facts *capture)
{
    enum { ONE_IN = 10000 };
    return capture->drops && capture->drops >= capture->packets / ONE_IN;
}

struct tca_case tca_pass2_case(const struct tca_session *s, struct tca_settled *settled)
{
    const struct tca_dossier *d = &settled->d;
    struct tca_case c = {.d = d,
                         .listener = tca_nat_listener(s, d, &settled->room),
                         .host = {settled->host[0], settled->host[1]}};
    c.vantage = tca_pair_vantage(s, settled, c.listener);
    c.twin = tca_twins_find(s->twins, d);
    c.again = tca_nat_again(s, d, c.twin);
    c.pressed = tca_pressure_find(tca_swept_of(s, d->capture)->pressure, d);
    c.lossy = is_lossy(&s->capture[d->capture - 1]->facts);
    if (tca_cookie_state_lost(&c))
        tca_mirror_refute_open(&settled->d.m);
    return c;
}

void tca_judge_settled(const struct tca_judging *how, const struct tca_pressed *pressed, struct tca_judged *j)
{
    const struct tca_session *s = how->s;
    j->c = tca_pass2_case(s, &j->settled);
    j->c.pressed = pressed ? pressed : j->c.pressed;
    j->c.memory = &j->memory;
    tca_judge_flow(&j->c, &j->verdict);
    if (!how->everything)
        tca_judge_limit(&s->set, &j->verdict);
    j->view = (struct tca_flow_view){.c = &j->c,
                                     .v = &j->verdict,
                                     .capture = &s->capture[j->c.d->capture - 1]->facts,
                                     .time = s->set.time};
}

void tca_judge_item(const struct tca_judging *how, const void *item, struct tca_judged *j)
{
    j->like = NULL;
    tca_pass2_settle(how->s, &j->reading, item, INT64_MIN, &j->settled);
    tca_judge_settled(how, NULL, j);
}
