/* SPDX-License-Identifier: MIT
 *
 * Summary: the incident for somebody on call, at most 25 lines of 80 columns.
 *
 *     head      what was captured, when, where
 *     blocks    by impact: sign, count, server, since when, cause, proof, what to change, what to type next
 *     tail      what could not be judged, and why
 *
 * Each connection is told once, by its verdict, so that counts add up to connections; and one cause is told once:
 *
 *     connection --> hit by an accept-queue overflow, or gave up waiting in it     told by its listener
 *                --> of an incident's place, time and kind                         told by the incident
 *                --> anything else above info                                      told by its verdict, per server
 *
 * Of a connection that several captures show, one row counts: the nearest to the server, unless that saw nothing wrong
 * and another one proves that something was. Blocks that find no room shrink to one line, and then to
 * a count: memory and lines are bounded whatever the capture holds. Graver incidents are kept first; else first come,
 * first kept in row order, so the result depends on the input alone.
 */
#include "base/alloc.h"
#include "report/summary_own.h"

#include <string.h>

int tca_summary_new(struct tca_summary **ret_summary)
{
    struct tca_summary *sum = tca_alloc(sizeof *sum);
    if (!sum)
        return TCA_EMEMORY;
    sum->options = "";
    sum->first_ns = -1;
    sum->last_ns = -1;
    *ret_summary = sum;
    return 0;
}

void tca_summary_limits(struct tca_summary *sum, const char *options, bool limited)
{
    sum->options = options;
    sum->limited = limited;
}

void tca_summary_anonymize(struct tca_summary *sum, struct tca_anon *anon)
{
    sum->anon = anon;
}

void tca_summary_asked(struct tca_summary *sum, enum tca_confidence least, const bool *wanted)
{
    sum->least = least;
    sum->wanted = wanted;
}

void tca_summary_free(struct tca_summary *sum)
{
    if (!sum)
        return;
    for (int i = 0; i < TCA_FINDING_COUNT; i++)
        tca_free(sum->kind[i].tally);
    tca_free(sum);
}

/* ---- captures ---- */

static void count_file(struct tca_summary *sum, const struct tca_capture_facts *facts)
{
    bool whole = !facts->status[0] || !strcmp(facts->status, "ok");
    if (sum->captures < NAMES_MAX)
        sum->name[sum->captures] = facts->name;
    sum->captures++;
    sum->unread += !facts->packets && !whole;
    sum->not_whole += !whole;
}

int tca_summary_capture(struct tca_summary *sum, const struct tca_capture_facts *facts)
{
    if (!sum->packets)
        sum->vantage = facts->vantage;
    sum->several_vantages |= facts->packets && sum->vantage != facts->vantage;
    for (uint32_t at = 0; at < facts->files; at++)
        count_file(sum, &facts->file[at]);
    if (!facts->files)
        count_file(sum, facts);
    sum->packets += facts->packets;
    sum->tcp_packets += facts->tcp_packets;
    for (int i = 0; i < TCA_OUTCOME_COUNT; i++)
        if (i != TCA_OUTCOME_tcp && i != TCA_OUTCOME_tcp_quoted && i != TCA_OUTCOME_not_ip &&
            i != TCA_OUTCOME_not_tcp && i != TCA_OUTCOME_filtered && i != TCA_OUTCOME_fragment)
            sum->undecoded += facts->outcome[i];
    sum->not_tcp += facts->outcome[TCA_OUTCOME_not_tcp];
    sum->left_out += facts->outcome[TCA_OUTCOME_filtered];
    sum->dropped += facts->drops;
    sum->cut_short += facts->cut_short - facts->early - facts->beyond;
    sum->early += facts->early;
    sum->beyond += facts->beyond;
    if (facts->first_ns >= 0 && (sum->first_ns < 0 || facts->first_ns < sum->first_ns))
        sum->first_ns = facts->first_ns;
    if (facts->last_ns > sum->last_ns)
        sum->last_ns = facts->last_ns;
    return 0;
}

static struct place place_of(const uint8_t addr[16], int family, uint16_t port, uint32_t capture)
{
    struct place at = {.port = port, .family = (uint8_t)family, .capture = capture};
    memcpy(at.addr, addr, sizeof at.addr);
    return at;
}

void tca_summary_example(struct example *example, const struct tca_flow_view *view,
                         const struct tca_judgement *j)
{
    example->set = true;
    example->stream = view->c->d->tcp_stream;
    example->flow = tca_frame_spot(view->capture, view->c->d->id_frame);
    example->frame_count = j->frame_count < 3 ? j->frame_count : 3;
    for (int i = 0; i < example->frame_count; i++)
        example->frame[i] = tca_record_spot(view->capture, j->frame_capture[i], j->frame[i]);
    const struct tca_mirror *m = &view->c->d->m;
    example->ordinal = tca_frame_spot(view->capture, m->first_frame).ordinal;
    example->goes_on = tca_frame_spot(view->capture, m->last_frame).ordinal != example->ordinal;
    example->file = tca_file_name(view->capture, example->ordinal);
}

void tca_summary_client(struct clients *clients, const uint8_t addr[16])
{
    for (int at = 0; at < clients->count; at++)
        if (memcmp(clients->addr[at], addr, sizeof clients->addr[at]) == 0)
            return;
    if (clients->count == CLIENTS_MAX)
        clients->more = true;
    else
        memcpy(clients->addr[clients->count++], addr, sizeof clients->addr[0]);
}

struct overflow *tca_summary_overflow(struct tca_summary *sum, const struct place *at)
{
    for (size_t i = 0; i < sum->overflow_count; i++)
        if (tca_same_place(&sum->overflow[i].at, at))
            return &sum->overflow[i];
    if (sum->overflow_count == OVERFLOWS_MAX)
        return NULL;
    struct overflow *overflow = &sum->overflow[sum->overflow_count++];
    overflow->at = *at;
    overflow->backlog.max = UINT64_MAX;
    return overflow;
}

bool tca_begins_with(const char *id, const char *const *family, size_t count)
{
    for (size_t i = 0; i < count && family[i]; i++)
        if (strncmp(id, family[i], strlen(family[i])) == 0)
            return true;
    return false;
}

/* ---- incidents ---- */

/* Many harmless incidents do not crowd out a grave one: the latest of the least severe makes room for what is graver. */
static bool leave_off_below(struct tca_summary *sum, enum tca_severity severity)
{
    size_t least = 0, last = sum->incident_count - 1;
    for (size_t i = 1; i <= last; i++)
        if (tca_findings[sum->incident[i].what.id].severity <=
            tca_findings[sum->incident[least].what.id].severity)
            least = i;
    if (tca_findings[sum->incident[least].what.id].severity >= severity)
        return false;
    memmove(&sum->incident[least], &sum->incident[least + 1], (last - least) * sizeof sum->incident[0]);
    sum->incident_count--;
    return true;
}

int tca_summary_incident(struct tca_summary *sum, const struct tca_incident *one,
                         const struct tca_capture_facts *capture)
{
    if (tca_findings[one->id].severity == TCA_SEVERITY_INFO && one->scope != TCA_SCOPE_LISTENER)
        return TCA_OK;
    sum->left_off += sum->incident_count == INCIDENTS_MAX;
    if (sum->incident_count == INCIDENTS_MAX && !leave_off_below(sum, tca_findings[one->id].severity))
        return TCA_OK;
    struct incident *in = &sum->incident[sum->incident_count++];
    *in = (struct incident){.what = *one,
                            .at = place_of(one->addr, one->family, one->port, one->capture),
                            .shadowed = capture->shadowed};
    const uint8_t frames = one->frame_count;
    in->first_at = tca_record_spot(capture, 0, frames ? one->frame[0] : 0);
    in->last_at = tca_record_spot(capture, 0, frames ? one->frame[frames - 1] : 0);
    in->file = tca_file_name(capture, in->first_at.ordinal);
    return TCA_OK;
}

/* ---- connections that are told by their verdict ---- */

static struct tally *tally_at(struct kind *kind, const struct place *at)
{
    for (size_t i = 0; i < kind->tally_count; i++)
        if (tca_same_place(&kind->tally[i].at, at))
            return &kind->tally[i];
    if (kind->tally_count == SERVERS_MAX)
        return NULL;
    struct tally *tally = &kind->tally[kind->tally_count++];
    tally->at = *at;
    return tally;
}

/* The columns of opening and close stand in every table; the summary tells them only where they are asked for. */
static bool is_asked_for(const struct tca_summary *sum, const struct tca_judgement *j)
{
    return j->confidence >= sum->least && (!sum->wanted || sum->wanted[j->id]);
}

/* The judgement a connection is told by: its verdict. Of two readings of one handshake or close that are equally
 * severe, the one that its column shows. */
static int told_by(const struct tca_summary *sum, const struct tca_verdict *v)
{
    const struct tca_finding *verdict = &tca_findings[v->judgement[v->verdict].id];
    if (v->verdict < 2 || verdict->column == TCA_COLUMN_EVENT)
        return v->verdict;
    int own = verdict->column == TCA_COLUMN_HANDSHAKE ? 0 : 1;
    bool column = is_asked_for(sum, &v->judgement[own]) &&
                  tca_findings[v->judgement[own].id].severity >= verdict->severity;
    return column ? own : v->verdict;
}

/* What another judgement is the cause of, or what the columns say of an opening or a close that a finding tells, too. */
static bool told_twice(const struct tca_verdict *v, int at)
{
    static const char *const opening[] = {"syn_",        "synack_",          "overflow_",
                                          "rst_refused", "rst_embryonic",    "rst_abort_on",
                                          "rst_request", "time_wait_refused"};
    static const char *const close[] = {"rst_"};
    enum tca_column column = tca_findings[v->judgement[at].id].column;
    for (int i = 2; i < v->count && column != TCA_COLUMN_EVENT; i++) {
        const struct tca_finding *f = &tca_findings[v->judgement[i].id];
        if (f->column != TCA_COLUMN_EVENT || f->severity == TCA_SEVERITY_INFO)
            continue;
        if (column == TCA_COLUMN_CLOSE ? tca_begins_with(f->id, close, sizeof close / sizeof *close)
                                       : tca_begins_with(f->id, opening, sizeof opening / sizeof *opening))
            return true;
    }
    return tca_is_explained(v, at);
}

static int count_told(struct tca_summary *sum, const struct tca_flow_view *view,
                      const struct tca_judgement *j, const struct place *at)
{
    struct kind *kind = &sum->kind[j->id];
    if (!kind->tally)
        kind->tally = tca_alloc(SERVERS_MAX * sizeof *kind->tally);
    if (!kind->tally)
        return TCA_EMEMORY;
    struct tally *tally = tally_at(kind, at);
    if (!tally) {
        kind->elsewhere++;
        return 0;
    }
    if (!tally->count || j->time_ns < tally->first_ns)
        tally->first_ns = j->time_ns;
    if (!tally->count || j->time_ns > tally->last_ns)
        tally->last_ns = j->time_ns;
    uint16_t client_port = view->c->d->port[TCA_CLIENT];
    if (!tally->count)
        tally->client_port = client_port;
    tally->several_ports |= tally->client_port != client_port;
    tally->count++;
    tca_summary_client(&tally->clients, view->c->d->addr[TCA_CLIENT]);
    if (j->confidence > tally->confidence) {
        tally->confidence = j->confidence;
        tca_summary_example(&tally->example, view, j);
    }
    return 0;
}

/* ---- what is counted of every connection ---- */

/* TIME_WAIT has nothing left to say, and of a mid-stream side nothing is known. */
static bool still_open(const struct tca_side *side)
{
    enum tca_state state = tca_side_state(side);
    return side->pkts && state != TCA_CLOSED && state != TCA_LISTEN && state != TCA_TIME_WAIT &&
           state != TCA_UNKNOWN;
}

/* SYNs without an answer are judged as what they are, not as a missing direction. */
static bool only_syns(const struct tca_mirror *m)
{
    return m->side[TCA_CLIENT].pkts == m->side[TCA_CLIENT].syn_count && m->side[TCA_SERVER].pkts == 0;
}

static bool only_opening(const struct tca_mirror *m)
{
    for (int side = 0; side < 2; side++)
        if (m->side[side].pkts != m->side[side].syn_count + m->side[side].synack_count)
            return false;
    return true;
}

/* Equal two leading digits are one group: 0 to 99, then 100, 110, ... 990, 1000, 1100, ... */
static unsigned answer_group(int64_t ns)
{
    unsigned zeros = 0;
    for (; ns >= 100; ns /= 10)
        zeros++;
    return zeros * 90 + (unsigned)ns;
}

/* From the ACK that opened the connection, or from the client's first request where it came later, to the first
 * payload of the server: a connection that was opened in reserve waits for its client, not for the service. */
static void count_answer(struct answers *all, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    int64_t asked = d->m.first_ack_ns, request = d->m.side[TCA_CLIENT].first_data_ns;
    int64_t answer = d->m.side[TCA_SERVER].first_data_ns;
    if (request > asked && request <= answer)
        asked = request;
    if (d->m.first_ack_ns < 0 || answer < asked)
        return;
    int64_t waited = answer - asked;
    all->group[answer_group(waited)]++;
    all->count++;
    all->late += waited > LATE_NS;
    if (waited > all->longest_ns) {
        all->longest_ns = waited;
        all->longest_ordinal = tca_frame_spot(view->capture, d->m.first_frame).ordinal;
        all->longest_stream = d->tcp_stream;
        all->longest_flow = tca_frame_spot(view->capture, d->id_frame);
    }
}

/* Only what was seen from its opening on, and of both sides, can be called healthy. */
static bool seen_in_part(const struct tca_flow_view *view)
{
    const struct tca_mirror *m = &view->c->d->m;
    return (m->damage & TCA_DAMAGE_START_CUT) || view->v->judgement[0].id == TCA_handshake_midstream ||
           ((m->damage & TCA_DAMAGE_ONE_WAY) && !only_syns(m));
}

/* Where a direction is missing it is that which hides the end, too. */
static bool half_seen(const struct tca_mirror *m)
{
    return (m->damage & TCA_DAMAGE_ONE_WAY) && !only_syns(m);
}

bool tca_summary_open(const struct tca_flow_view *view)
{
    const struct tca_mirror *m = &view->c->d->m;
    return !half_seen(m) && (still_open(&m->side[TCA_CLIENT]) || still_open(&m->side[TCA_SERVER]));
}

static void count_damage(struct tca_summary *sum, const struct tca_flow_view *view)
{
    uint32_t damage = view->c->d->m.damage;
    sum->vantage_unknown += view->c->vantage == TCA_VANTAGE_UNKNOWN;
    sum->start_cut += (damage & TCA_DAMAGE_START_CUT) != 0;
    sum->one_way += half_seen(&view->c->d->m);
    sum->gap += (damage & TCA_DAMAGE_GAP) != 0;
    sum->snaplen += (damage & TCA_DAMAGE_SNAPLEN) != 0;
    sum->end_cut += tca_summary_open(view);
}

/* A row that is no connection of its own, or none at all. */
static bool is_left_off(struct tca_summary *sum, const struct tca_flow_view *view)
{
    const struct tca_twin *twin = view->c->twin;
    if (view->c->again) {
        sum->again++;
        return true;
    }
    if (tca_dossier_stray(view->c->d)) {
        sum->strays++;
        return true;
    }
    sum->rows_from[view->c->vantage]++;
    bool other = twin && (twin->relieved || !(twin->chief || twin->deputy));
    sum->twins += other;
    return other;
}

static void count_flow(struct tca_summary *sum, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    bool pending = view->v->judgement[0].id == TCA_handshake_pending_at_end;
    sum->flows++;
    sum->normal += view->v->verdict < 0;
    sum->pending += pending;
    sum->partial += !pending && seen_in_part(view);
    sum->syns += only_syns(&d->m);
    sum->openings += only_opening(&d->m);
    count_answer(&sum->answers, view);
    count_damage(sum, view);
}

int tca_summary_flow(struct tca_summary *sum, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    const struct tca_verdict *v = view->v;
    struct place at = place_of(d->addr[TCA_SERVER], d->family, d->port[TCA_SERVER], d->capture);
    if (is_left_off(sum, view))
        return 0;
    count_flow(sum, view);
    if ((d->m.damage & TCA_DAMAGE_CUT_SHORT) && only_syns(&d->m))
        return 0; /* counted as not judged: what others tell of it is not known */
    if (tca_fold_into_overflow(sum, view, &at))
        return 0;
    if (v->verdict < 0)
        return 0;
    int told = told_by(sum, v);
    if (tca_fold_into_incident(sum, view, &v->judgement[told]) ||
        tca_findings[v->judgement[v->verdict].id].severity == TCA_SEVERITY_INFO)
        return 0;
    for (int i = 0; i < v->count; i++)
        if (i != told && tca_findings[v->judgement[i].id].severity > TCA_SEVERITY_INFO && !told_twice(v, i) &&
            is_asked_for(sum, &v->judgement[i]))
            sum->kind[v->judgement[i].id].beside++;
    return count_told(sum, view, &v->judgement[told], &at);
}

/* ---- listeners ---- */

/* Keep it if it hit more connections than one of those kept; they stay in the order of time. */
static void keep_episode(struct overflow *in, const struct tca_episode *e)
{
    if (in->told_count == EPISODES_TOLD) {
        int least = EPISODES_TOLD - 1; /* the latest of them */
        for (int i = EPISODES_TOLD - 2; i >= 0; i--)
            if (in->told[i].flows < in->told[least].flows)
                least = i;
        if (e->flows <= in->told[least].flows)
            return;
        for (int i = least; i + 1 < EPISODES_TOLD; i++)
            in->told[i] = in->told[i + 1];
        in->told_count--;
    }
    in->told[in->told_count++] = *e;
}

static void add_episode(struct overflow *in, const struct tca_episode *e,
                        const struct tca_capture_facts *capture, bool first)
{
    int64_t last_ns = e->open_end ? capture->end_ns : e->last_ns;
    if (first || e->first_ns < in->first_ns) {
        in->first_ns = e->first_ns;
        in->first_at = tca_record_spot(capture, 0, e->first_frame);
    }
    if (first || last_ns > in->last_ns) {
        in->last_ns = last_ns;
        in->last_at = tca_record_spot(capture, 0, e->last_frame);
    }
    if (first || e->flows > in->worst.flows)
        in->worst = *e;
    keep_episode(in, e);
    in->drops += e->drops;
    in->ignored += e->ignored;
    in->aborted += e->aborted;
    in->flows += e->flows;
    in->lost += e->lost;
    in->unknown += e->unknown;
    in->waiting += e->waiting;
    in->held += e->held;
    in->held_unserved += e->held_unserved;
    in->held_ns = first || e->held_ns > in->held_ns ? e->held_ns : in->held_ns;
    in->full_ns += last_ns - e->first_ns;
    in->open_end |= e->open_end;
}

/* After the connections. */
int tca_summary_listener(struct tca_summary *sum, const struct tca_listener *listener,
                         const struct tca_capture_facts *capture)
{
    struct place at = place_of(listener->addr, listener->family, listener->port, capture->ordinal);
    size_t known = sum->overflow_count;
    if (!listener->episode_count)
        return 0;
    struct overflow *in = tca_summary_overflow(sum, &at);
    if (!in) {
        sum->left_off++;
        return 0;
    }
    if (sum->overflow_count > known && sum->twins) {
        sum->overflow_count =
            known; /* none of its connections counts here: told where another capture shows them */
        return 0;
    }
    in->measured = true;
    in->listen_drops = listener->listen_drops;
    in->backlog = listener->backlog;
    in->backlog_basis = listener->backlog_basis;
    in->flooded = listener->flood &&
                  (listener->flood_kind == TCA_FLOOD_SPOOFED || listener->flood_kind == TCA_FLOOD_DIRECT);
    in->episodes = listener->episode_count + listener->episodes_left_off;
    for (int i = 0; i < listener->episode_count && i < TCA_EPISODES_MAX; i++)
        add_episode(in, &listener->episode[i], capture, i == 0);
    if (listener->episode_count > 1 &&
        listener->hit_flows) { /* one connection may have been hit in several */
        in->flows = in->flows < listener->hit_flows ? in->flows : listener->hit_flows;
        in->lost = in->lost < listener->lost_flows ? in->lost : listener->lost_flows;
    }
    in->flows = in->flows > in->connections ? in->flows : in->connections;
    if (in->forgotten > in->lost + in->waiting)
        in->lost = in->forgotten - in->waiting;
    /* What is told as lost is judged; what waits still is not. */
    sum->open_lost += in->open > in->waiting ? in->open - in->waiting : 0;
    return 0;
}

int tca_summary_write(struct tca_summary *sum, tca_write_fn *fn, void *user)
{
    struct page page = {.sum = sum,
                        .several_captures = sum->captures > 1,
                        .day_ns = sum->first_ns >= 0 ? sum->first_ns - sum->first_ns % DAY_NS : 0};
    struct page tail = page; /* measured first for its lines, written last */
    bool any;
    tca_page_answers(&tail, sum);
    tca_page_beside(&tail, sum, 1);
    tca_page_elsewhere(&tail, sum);
    tca_page_tail(&tail, sum);

    tca_page_head(&page, sum);
    tca_page_end_line(&page);
    tca_page_syns(&page, sum);
    int error = tca_page_blocks(&page, sum, LINES_MAX - tail.lines - 1, &any);
    if (!any)
        tca_page_healthy(&page, sum);
    int spare = LINES_MAX - page.lines - tail.lines - 1;
    tca_page_answers(&page, sum);
    tca_page_beside(&page, sum, 1 + (spare > 0 ? spare : 0));
    tca_page_elsewhere(&page, sum);
    tca_page_end_line(&page);
    tca_page_tail(&page, sum);

    if (!error && (page.out.failed || tail.out.failed))
        error = TCA_EMEMORY;
    if (!error && fn(user, page.out.bytes, page.out.used) != 0)
        error = TCA_EOUTPUT;
    tca_buf_done(&page.out);
    tca_buf_done(&tail.out);
    return error;
}
