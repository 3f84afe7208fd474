/* SPDX-License-Identifier: MIT
 *
 * SYN pressure, told: the parts are called one after the other, and the judges repeat what they found of one flow.
 */
#include "classify/level.h"
#include "classify/pressure/attempt.h"
#include "classify/read/rungs.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

static const struct tca_pressed nothing_holds = {.limit = 0};

int tca_pressure_new(struct tca_pressure **ret_pressure)
{
    *ret_pressure = tca_alloc(sizeof **ret_pressure);
    return *ret_pressure ? TCA_OK : TCA_EMEMORY;
}

/* What only the parts need. */
static void forget_facts(struct tca_pressure *p)
{
    tca_free(p->attempt);
    tca_free(p->drop);
    tca_free(p->repeat);
    tca_free(p->order);
    p->attempt = NULL;
    p->attempts = p->attempt_room = 0;
    p->drop = NULL;
    p->repeat = NULL;
    p->order = NULL;
    p->drops = p->drop_room = p->repeats = p->repeat_room = 0;
}

void tca_pressure_free(struct tca_pressure *p)
{
    if (!p)
        return;
    forget_facts(p);
    tca_free(p->holding);
    tca_free(p->pressed);
    tca_free(p);
}

/* ---- helpers of the parts ---- */

struct tca_pressed *tca_pressed_of(struct tca_pressure *p, struct tca_attempt *a)
{
    if (a->number)
        return &p->pressed[a->number - 1];
    void *list = tca_room(p->pressed, p->presseds, &p->pressed_room, sizeof *p->pressed);
    if (!list)
        return NULL;
    p->pressed = list;
    p->pressed[p->presseds++] = nothing_holds;
    a->number = (uint32_t)p->presseds;
    return &p->pressed[p->presseds - 1];
}

int tca_press(struct tca_pressure *p, struct tca_attempt *a, enum tca_press what, enum tca_confidence level)
{
    struct tca_pressed *mine = level ? tca_pressed_of(p, a) : NULL;
    if (mine && mine->confidence[what] < level)
        mine->confidence[what] = (uint8_t)level;
    return !level || mine ? TCA_OK : TCA_EMEMORY;
}

enum tca_confidence tca_press_level(enum tca_vantage vantage, enum tca_confidence server,
                                    enum tca_confidence middle, enum tca_confidence client)
{
    if (tca_near_server(vantage))
        return server;
    if (vantage == TCA_VANTAGE_CLIENT)
        return client;
    return vantage == TCA_VANTAGE_MIDDLE ? middle : tca_lower(middle, 1);
}

struct tca_incident tca_incident_of(const struct tca_listener *l, enum tca_finding_id id,
                                    enum tca_confidence level, int64_t first_ns, int64_t last_ns)
{
    struct tca_incident one = {.id = id,
                               .confidence = level,
                               .scope = TCA_SCOPE_LISTENER,
                               .capture = l->capture,
                               .port = l->port,
                               .family = l->family,
                               .first_ns = first_ns,
                               .last_ns = last_ns};
    memcpy(one.addr, l->addr, sizeof one.addr);
    return one;
}

/* The last place is the end's: whatever comes when all are taken replaces it. */
void tca_incident_prove(struct tca_incident *one, uint64_t frame)
{
    if (one->frame_count && one->frame[one->frame_count - 1] == frame)
        return;
    if (one->frame_count < TCA_PROOF_MAX)
        one->frame_count++;
    one->frame[one->frame_count - 1] = frame;
}

void tca_incident_say(struct tca_incident *one, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(one->text, sizeof one->text, format, args);
    va_end(args);
}

/* ---- listeners, one after the other ---- */

static int compare_places(const struct tca_attempt *a, const struct tca_attempt *b)
{
    int order = tca_compare_u64(a->server_host, b->server_host);
    return order ? order : tca_compare_u64(a->server_port, b->server_port);
}

static int compare_tries(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = compare_places(a, b);
    return order ? order : tca_compare_begun(a, b);
}

static struct tca_digest digest_try(const void *item)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)item;
    return (struct tca_digest){(uint64_t)a->server_host << 16 | a->server_port, tca_digest_i64(a->first_ns)};
}

static int compare_drops(const void *left, const void *right)
{
    const struct tca_dropped *a = left, *b = right;
    int order = tca_compare_u64(a->place, b->place);
    if (!order)
        order = tca_compare_i64(a->time_ns, b->time_ns);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static struct tca_digest digest_drop(const void *item)
{
    const struct tca_dropped *drop = item;
    return (struct tca_digest){drop->place, tca_digest_i64(drop->time_ns)};
}

/* The attempts by listener and time; number the listeners, and put their drops side by side. */
static void order_places(struct tca_pressure *p)
{
    uint32_t place = 0;
    tca_sort(p->order, p->attempts, sizeof(struct tca_attempt *), digest_try, compare_tries);
    for (size_t at = 0; at < p->attempts; at++) {
        place += at && compare_places(p->order[at - 1], p->order[at]) != 0;
        p->order[at]->place = place;
    }
    for (size_t at = 0; at < p->drops; at++)
        p->drop[at].place = p->attempt[p->drop[at].attempt].place;
    tca_sort(p->drop, p->drops, sizeof *p->drop, digest_drop, compare_drops);
}

/* What its listeners ask of the capture whose attempts begin here; they are side by side. */
static void read_whole(struct tca_pressure *p, size_t from)
{
    p->acks = false;
    p->begin_ns = INT64_MAX;
    for (size_t at = from; at < p->attempts && p->order[at]->capture == p->order[from]->capture; at++) {
        const struct tca_attempt *a = p->order[at];
        p->acks = p->acks || (a->flags & TCA_TRY_PURE_ACK);
        p->begin_ns = a->first_ns < p->begin_ns ? a->first_ns : p->begin_ns;
    }
}

static int read_listener(const struct tca_tries *t)
{
    int error = tca_synqueue_read(t);
    return error ? error : tca_flood_read(t);
}

static int read_listeners(struct tca_pressure *p)
{
    size_t drop = 0;
    int error = TCA_OK;
    for (size_t at = 0, end; at < p->attempts && !error; at = end) {
        const struct tca_attempt *first = p->order[at];
        for (end = at + 1; end < p->attempts && p->order[end]->place == first->place;)
            end++;
        if (!at || p->order[at - 1]->capture != first->capture)
            read_whole(p, at);
        struct tca_listener room, before;
        struct tca_tries t = {.p = p,
                              .one = &p->order[at],
                              .count = end - at,
                              .listener =
                                  tca_sweep_edit(p->sweep, first->server_host, first->server_port, &room),
                              .drop = p->drops ? p->drop + drop : NULL};
        for (; drop < p->drops && p->drop[drop].place == first->place; drop++)
            t.drops++;
        if (!t.listener)
            continue;
        memcpy(&before, t.listener, sizeof before);
        t.listener->blind = !p->acks && t.listener->listens;
        error = read_listener(&t);
        if (!error &&
            memcmp(t.listener, &before, sizeof before) != 0) /* to put it back costs more than to ask */
            error = tca_sweep_put(p->sweep, first->server_host, t.listener);
    }
    return error;
}

/* ---- the sweep ---- */

static int compare_names(const void *left, const void *right)
{
    const struct tca_holding *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = tca_compare_u64(a->id_frame, b->id_frame);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static struct tca_digest digest_name(const void *item)
{
    const struct tca_holding *one = item;
    return (struct tca_digest){one->capture, one->id_frame};
}

/* Only what the judges will ask for stays: the names of the flows of which something holds. */
static int keep_results(struct tca_pressure *p)
{
    p->holding = p->presseds ? tca_grow(NULL, p->presseds, sizeof *p->holding) : NULL;
    if (p->presseds && !p->holding)
        return TCA_EMEMORY;
    for (size_t at = 0; at < p->attempts; at++) {
        const struct tca_attempt *a = &p->attempt[at];
        if (a->number)
            p->holding[p->holdings++] = (struct tca_holding){a->id_frame, a->frame, a->capture, a->number};
    }
    if (p->holdings)
        tca_sort(p->holding, p->holdings, sizeof *p->holding, digest_name, compare_names);
    return TCA_OK;
}

/* From here on hosts are known by their rank. */
static void rank_hosts(struct tca_pressure *p)
{
    for (size_t at = 0; at < p->attempts; at++) {
        struct tca_attempt *a = p->order[at] = &p->attempt[at];
        a->client_host = tca_hosts_rank(p->hosts, a->client_host);
        a->server_host = tca_hosts_rank(p->hosts, a->server_host);
    }
}

int tca_pressure_begin(struct tca_pressure *p, const struct tca_pressure_terms *terms)
{
    p->known = terms->known;
    p->anon = terms->anon;
    p->in_part = terms->in_part;
    p->hosts = terms->hosts;
    p->incidents = terms->incidents;
    if (!p->attempts)
        return TCA_OK;
    p->order = tca_alloc(p->attempts * sizeof(struct tca_attempt *));
    if (!p->order)
        return TCA_EMEMORY;
    rank_hosts(p);
    int error = tca_scan_read(p);
    if (!error)
        order_places(p);
    return error;
}

int tca_pressure_run(struct tca_pressure *p, struct tca_sweep *sweep)
{
    static int (*const part[])(struct tca_pressure *) = {read_listeners, tca_pathloss_read, tca_silence_read};
    int error = TCA_OK;
    p->sweep = sweep;
    for (size_t at = 0; p->attempts && at < sizeof part / sizeof part[0] && !error; at++)
        error = part[at](p);
    if (!error)
        error = keep_results(p);
    forget_facts(p);
    return error;
}

const struct tca_pressed *tca_pressure_find(const struct tca_pressure *p, const struct tca_dossier *d)
{
    const struct tca_holding wanted = {
        .capture = d->capture, .id_frame = d->id_frame, .frame = d->m.first_frame};
    const struct tca_holding *found =
        p->holdings ? bsearch(&wanted, p->holding, p->holdings, sizeof *p->holding, compare_names) : NULL;
    return found ? &p->pressed[found->number - 1] : &nothing_holds;
}

/* ---- judges ---- */

static bool holds(const struct tca_case *c, struct tca_judgement *j, enum tca_press what)
{
    enum tca_confidence level = (enum tca_confidence)c->pressed->confidence[what];
    if (!level)
        return false;
    tca_hold(j, level, c->d->m.start_ns);
    j->actor = TCA_SERVER;
    return true;
}

/* The SYNs without an answer, and how many. */
static void prove_silence(const struct tca_case *c, struct tca_judgement *j)
{
    for (const struct tca_mark *syn = NULL; (syn = tca_syn_unanswered(c->d, syn)) != NULL;) {
        if (!j->value++)
            j->time_ns = syn->time_ns;
        tca_prove(j, syn);
    }
    j->unit = "pkts";
}

void judge_portscan(const struct tca_case *c, struct tca_judgement *j)
{
    static const char *const words[TCA_SCAN_KINDS] = {
        [TCA_SCAN_NONE] = "a probe",          [TCA_SCAN_SYN] = "a SYN",
        [TCA_SCAN_CONNECT] = "a connect()",   [TCA_SCAN_ACK] = "an ACK of no connection",
        [TCA_SCAN_FIN] = "a FIN without ACK", [TCA_SCAN_NULL] = "a segment without flags",
        [TCA_SCAN_XMAS] = "FIN, PSH and URG"};
    const struct tca_pressed *p = c->pressed;
    if (!holds(c, j, TCA_PRESS_SCAN))
        return;
    j->actor = TCA_CLIENT;
    j->value = (int64_t)p->scan_ports;
    j->unit = "count";
    tca_prove(j, &(struct tca_mark){.frame = c->d->m.first_frame});
    tca_say(j, "Part of a scan of %u port%s of %u host%s by this source: %s.", p->scan_ports,
            p->scan_ports == 1 ? "" : "s", p->scan_hosts, p->scan_hosts == 1 ? "" : "s", words[p->scan_kind]);
}

void judge_syn_drop_synq_full(const struct tca_case *c, struct tca_judgement *j)
{
    if (!holds(c, j, TCA_PRESS_SYNQ_FULL))
        return;
    prove_silence(c, j);
    tca_say(
        j, "%lld SYN%s of this client stayed unanswered while %u half-open connections filled the SYN queue.",
        (long long)j->value, j->value == 1 ? "" : "s", c->pressed->limit);
}

void judge_syn_drop_paws_nat(const struct tca_case *c, struct tca_judgement *j)
{
    if (!holds(c, j, TCA_PRESS_PAWS))
        return;
    prove_silence(c, j);
    tca_say(j,
            "The SYN's timestamp was older than one seen from this address before, and nothing answered; so "
            "it went "
            "with all %u SYNs like it.",
            c->pressed->others);
}

void judge_syn_drop_firewall(const struct tca_case *c, struct tca_judgement *j)
{
    if (!holds(c, j, TCA_PRESS_FIREWALL))
        return;
    prove_silence(c, j);
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "No SYN %s was ever answered, though the host answers %s: a filter may drop them.",
            c->pressed->confidence[TCA_PRESS_NO_ROUTE] ? "of this client" : "to this port",
            c->pressed->confidence[TCA_PRESS_NO_ROUTE] ? "others there" : "elsewhere");
}

void judge_syn_no_route_back(const struct tca_case *c, struct tca_judgement *j)
{
    if (!holds(c, j, TCA_PRESS_NO_ROUTE))
        return;
    prove_silence(c, j);
    tca_say(
        j,
        "Nothing ever left for this client's address, though its SYNs arrived and others are answered: the "
        "server may have no way back.");
}

void judge_syn_lost_path(const struct tca_case *c, struct tca_judgement *j)
{
    if (!holds(c, j, TCA_PRESS_LOST))
        return;
    prove_silence(c, j);
    j->actor = TCA_ACTOR_PATH;
    tca_say(
        j,
        "%lld SYN%s unanswered in the same moments in which %u other connections of this path lost segments.",
        (long long)j->value, j->value == 1 ? "" : "s", c->pressed->others);
}

void judge_syn_to_dead_host(const struct tca_case *c, struct tca_judgement *j)
{
    if (!holds(c, j, TCA_PRESS_DEAD_HOST))
        return;
    prove_silence(c, j);
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "%lld SYN%s unanswered, and nothing at all came from that address in this capture.",
            (long long)j->value, j->value == 1 ? "" : "s");
}

/* Of listeners, hosts and captures: told as incidents; no flow is judged by them. */
#define NO_FLOWS(id)                                                                                         \
    void judge_##id(const struct tca_case *c, struct tca_judgement *j)                                       \
    {                                                                                                        \
        (void)c;                                                                                             \
        (void)j;                                                                                             \
    }
NO_FLOWS(syncookie_interval)
NO_FLOWS(synq_full_interval)
NO_FLOWS(syn_flood_spoofed)
NO_FLOWS(syn_flood_direct)
NO_FLOWS(flash_crowd)
NO_FLOWS(path_loss_burst)
NO_FLOWS(gap)
