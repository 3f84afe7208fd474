/* SPDX-License-Identifier: MIT
 *
 * Reading the facts of a case: what marks there are, what the mirror counted, what others show. Cheap by design, a few
 * tests each: whatever needs a walk over marks is a judge's own affair.
 */
#include "classify/facts.h"

#include "classify/closing.h"
#include "classify/opening.h"

#include <string.h>

static uint32_t fact_if(bool holds, enum tca_fact fact)
{
    return holds ? (uint32_t)fact : 0;
}

/* ---- the opening ---- */

/* Payload on its SYN, or on one of several. */
static bool syn_bears_data(const struct tca_dossier *d)
{
    const struct tca_mark *syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0);
    return syn && (syn->len || (d->index.repeat[TCA_CLIENT] & TCA_MARK_SYN));
}

static uint32_t of_opening(const struct tca_dossier *d)
{
    const struct tca_mirror *m = &d->m;
    const struct tca_side *client = &m->side[TCA_CLIENT];
    uint32_t by_client = d->index.roles[TCA_CLIENT], by_server = d->index.roles[TCA_SERVER];
    bool cut = m->damage & TCA_DAMAGE_START_CUT, unopened = !tca_opening_shown(client);
    return fact_if(cut || !(by_client & TCA_MARK_SYN), TCA_FACT_SYN_UNSEEN) |
           fact_if((by_server & TCA_MARK_SYN) || (by_client & TCA_MARK_SYNACK), TCA_FACT_SYN_BACK) |
           fact_if(client->syn_count > 1, TCA_FACT_SYN_AGAIN) |
           fact_if(syn_bears_data(d), TCA_FACT_SYN_DATA) |
           fact_if(client->tfo || client->tfo_cookie, TCA_FACT_TFO) |
           fact_if(by_server & TCA_MARK_SYNACK, TCA_FACT_ANSWERED) |
           fact_if(d->index.repeat[TCA_SERVER] & TCA_MARK_SYNACK, TCA_FACT_ANSWERED_AGAIN) |
           fact_if(unopened, TCA_FACT_UNOPENED) | fact_if(!m->child_proved, TCA_FACT_NO_CHILD) |
           fact_if(unopened || !m->child_proved, TCA_FACT_UNSETTLED) |
           fact_if(!tca_closing_opened(m), TCA_FACT_NEVER_OPEN) |
           fact_if(d->index.any & TCA_MARK_CHALLENGE, TCA_FACT_CHALLENGE);
}

/* ---- its ports before and after ---- */

static uint32_t of_ports(const struct tca_dossier *d)
{
    uint32_t roles = d->index.roles[TCA_CLIENT] | d->index.roles[TCA_SERVER];
    bool reached = roles & TCA_MARK_IN_TIME_WAIT;
    return fact_if(d->m.prior.exists, TCA_FACT_PRIOR) | fact_if(d->index.witness, TCA_FACT_WITNESS) |
           fact_if(reached, TCA_FACT_IN_TIME_WAIT) |
           fact_if(reached || d->index.witness, TCA_FACT_TIME_WAIT_ASKED) |
           fact_if(d->m.killed_by_reuse, TCA_FACT_TAKEN_OVER);
}

/* ---- the close ---- */

/* It does not acknowledge the other's; or its first copy, which did not pass, may not have: something behind it came before. */
static bool unaware(const struct tca_dossier *d, const struct tca_mark *fin, int side)
{
    return !tca_acks_fin_of(&d->m, fin, 1 - side) || fin->sent_end == d->m.side[side].fin_seq + 1;
}

static bool fins_cross(const struct tca_dossier *d)
{
    const struct tca_mark *client = tca_dossier_mark(d, TCA_MARK_FIN, TCA_CLIENT, 0),
                          *server = tca_dossier_mark(d, TCA_MARK_FIN, TCA_SERVER, 0);
    return client && server && unaware(d, client, TCA_CLIENT) && unaware(d, server, TCA_SERVER);
}

static bool fin_again(const struct tca_dossier *d, int side)
{
    return d->m.side[side].fin_count > 1 || (d->index.repeat[side] & TCA_MARK_FIN);
}

static uint32_t of_close(const struct tca_dossier *d)
{
    uint32_t by_client = d->index.roles[TCA_CLIENT], by_server = d->index.roles[TCA_SERVER];
    unsigned fins = ((by_client & TCA_MARK_FIN) != 0) + ((by_server & TCA_MARK_FIN) != 0);
    static const uint32_t of_fins[] = {TCA_FACT_NO_FIN, TCA_FACT_HALF_CLOSED, TCA_FACT_BOTH_FINS};
    return of_fins[fins] | fact_if((by_client | by_server) & TCA_MARK_RST, TCA_FACT_RST) |
           fact_if(fins_cross(d), TCA_FACT_FINS_CROSS) |
           fact_if(fin_again(d, TCA_CLIENT) || fin_again(d, TCA_SERVER), TCA_FACT_FIN_AGAIN) |
           fact_if((by_client | by_server) & TCA_MARK_LATE_DATA, TCA_FACT_LATE_DATA);
}

/* ---- on the way ---- */

static bool sent_again(const struct tca_side *side)
{
    return side->retx_rto | side->retx_tlp | side->retx_fast | side->retx_spurious;
}

static bool in_trouble(const struct tca_side *side, const struct tca_trouble *t)
{
    return side->missed_bytes | side->late_pkts | t->gap_count | t->reorder_count | t->old_dup_count |
           t->zero_worst.count | t->ladder_worst.count | t->stall_count | t->window_full_count |
           t->paws_answered;
}

static uint32_t of_way(const struct tca_dossier *d)
{
    uint32_t roles = d->index.roles[TCA_CLIENT] | d->index.roles[TCA_SERVER], facts = 0;
    for (int side = 0; side < 2; side++) {
        const struct tca_side *s = &d->m.side[side];
        facts |= fact_if(s->keepalive_count || s->window_probes, TCA_FACT_PROBES) |
                 fact_if(sent_again(s), TCA_FACT_DATA_AGAIN) |
                 fact_if(in_trouble(s, &d->trouble[side]), TCA_FACT_TROUBLE);
    }
    return facts | fact_if(roles & TCA_MARK_ICMP, TCA_FACT_ICMP) |
           fact_if(roles & TCA_MARK_DATA_RETX, TCA_FACT_DATA_AGAIN);
}

/* ---- others ---- */

static uint32_t of_others(const struct tca_case *c)
{
    static const uint8_t nothing[sizeof c->pressed->confidence];
    bool pressed = memcmp(c->pressed->confidence, nothing, sizeof nothing) != 0;
    return fact_if(pressed, TCA_FACT_PRESSED) |
           fact_if(c->listener->episode_count || (c->twin && c->twin->lost_count), TCA_FACT_OTHERS);
}

uint32_t tca_facts_of(const struct tca_case *c)
{
    if (!c->d->index.known)
        return UINT32_MAX;
    uint32_t facts = of_opening(c->d) | of_ports(c->d) | of_close(c->d) | of_way(c->d) | of_others(c);
    bool repeats = facts & (TCA_FACT_ANSWERED_AGAIN | TCA_FACT_DATA_AGAIN | TCA_FACT_FIN_AGAIN);
    return facts | fact_if(repeats, TCA_FACT_REPEATS);
}
