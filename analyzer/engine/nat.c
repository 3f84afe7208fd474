/* SPDX-License-Identifier: MIT
 *
 * Address translation, the engine's share: a hint of each flow is taken while its dossier goes to the spool. Pass 2 must know
 * which rows show one connection before it counts any: so where hints say that some may, they are looked for first.
 */
#include "engine/lone.h"
#include "engine/run.h"

int tca_nat_add_flow(struct tca_shard *shard, const struct tca_mirror *m, uint32_t *known_as)
{
    const struct tca_side *client = &m->side[TCA_CLIENT];
    if (!client->syn_count || !client->iss_known)
        return TCA_OK;
    struct tca_mark_walk walk = tca_mark_walk(m);
    const struct tca_mark *mark;
    while ((mark = tca_mark_next(&walk)))
        if (tca_nat_is_first_syn(mark))
            return tca_nat_hint(&shard->nat_hints, shard->s->open->facts.ordinal, client->iss, mark->time_ns,
                                known_as);
    return TCA_OK;
}

static int add_key(void *user, const void *item, size_t size)
{
    struct tca_session *s = user;
    struct tca_dossier d;
    struct tca_reading reading = {0};
    struct tca_lone_syn syn;
    (void)size;
    if (tca_lone_peek(item, &syn) && !tca_nats_wants(s->nats, syn.capture, syn.seq, syn.time_ns))
        return TCA_OK;
    tca_spool_get(s, &reading, item, &d);
    return tca_nats_add(s->nats, &d);
}

int tca_nat_prepare(struct tca_session *s)
{
    int error = tca_nats_new(&s->nat_hints, &s->nats);
    if (error || !s->nats)
        return error;
    error = tca_sorter_walk(s->dossiers, add_key, s);
    return error ? error : tca_nats_link(s->nats);
}

void tca_nat_tell(const struct tca_session *s, struct tca_dossier *d)
{
    const struct tca_nat *nat = tca_nats_find(s->nats, d->capture, d->id_frame);
    d->nat = nat ? nat->part : TCA_NAT_NONE;
    d->nat_frame = nat ? nat->other_frame : 0;
    d->nat_later_ns = nat ? nat->later_ns : 0;
    for (int role = 0; role < 2; role++)
        d->nat_same_addr[role] = nat && nat->same_addr[role];
}

/* Of a row behind a translation: what is known of the one that is counted. NULL: it is counted itself. */
static const struct tca_nat *counted_row(const struct tca_session *s, const struct tca_dossier *d)
{
    return d->nat == TCA_NAT_AFTER ? tca_nats_find(s->nats, d->capture, d->id_frame) : NULL;
}

const struct tca_listener *tca_nat_listener(const struct tca_session *s, const struct tca_dossier *d,
                                            struct tca_listener *room)
{
    const struct tca_nat *nat = counted_row(s, d);
    const struct tca_listener *l =
        nat ? tca_swept_place(s, nat->capture, nat->server_addr, nat->server_port, room) : NULL;
    return l ? l : tca_sweep_find(tca_swept_of(s, d->capture)->sweep, d, room);
}

const struct tca_pressed *tca_nat_pressed(const struct tca_session *s, const struct tca_dossier *d)
{
    const struct tca_nat *nat = counted_row(s, d);
    const struct tca_pressure *pressure = tca_swept_of(s, d->capture)->pressure;
    if (!nat)
        return tca_pressure_find(pressure, d);
    const struct tca_dossier before = {
        .capture = d->capture, .id_frame = nat->other_frame, .m.first_frame = nat->other_first};
    return tca_pressure_find(pressure, &before);
}

/* This connection, as it was after its addresses were translated, in another capture. */
static bool told_after(const struct tca_session *s, const struct tca_dossier *d)
{
    const struct tca_dossier other = {.capture = d->capture, .id_frame = d->nat_frame};
    const struct tca_twin *after = tca_twins_find(s->twins, &other);
    return after && after->others;
}

bool tca_nat_again(const struct tca_session *s, const struct tca_dossier *d, const struct tca_twin *twin)
{
    bool has_twin = twin && twin->others;
    if (d->nat == TCA_NAT_AFTER)
        return !has_twin;
    return d->nat == TCA_NAT_BEFORE && !has_twin && told_after(s, d);
}
