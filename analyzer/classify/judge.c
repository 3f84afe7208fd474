/* SPDX-License-Identifier: MIT
 *
 * Judging one flow: every judge of the registry is asked once; the first handshake and the first close that
 * hold become the flow's, in registry order; all others that hold are findings beside them. Then one of them
 * is chosen to be read first.
 *
 * That is the meaning. The way is shorter: what a judge cannot do without is known before (facts.h), what judges have in
 * common is read once (memory.h), and nobody puts in words what is not printed. A build with the option check_ways judges
 * each flow plainly as well and stops where the two differ.
 */
#include "classify/memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tca_finding tca_findings[TCA_FINDING_COUNT] = {
#define FINDING(name, ...) [TCA_##name] = {.id = #name, __VA_ARGS__},
#include "classify/findings.def"
#undef FINDING
};

static tca_judge *const judges[TCA_FINDING_COUNT] = {
#define FINDING(name, ...) [TCA_##name] = judge_##name,
#include "classify/findings.def"
#undef FINDING
};

const struct tca_finding *tca_finding_by_id(const char *id)
{
    for (int at = 0; at < TCA_FINDING_COUNT; at++)
        if (!strcmp(tca_findings[at].id, id))
            return &tca_findings[at];
    return NULL;
}

void tca_hold(struct tca_judgement *j, enum tca_confidence confidence, int64_t time_ns)
{
    j->confidence = confidence;
    j->time_ns = time_ns;
}

void tca_prove(struct tca_judgement *j, const struct tca_mark *mark)
{
    if (!mark || j->frame_count == TCA_PROOF_MAX)
        return;
    for (unsigned at = 0; at < j->frame_count; at++)
        if (j->frame[at] == mark->frame)
            return;
    j->frame[j->frame_count++] = mark->frame;
}

void tca_set_value(struct tca_judgement *j, int64_t value, const char *unit)
{
    j->value = value;
    j->unit = unit;
}

enum tca_confidence tca_lower(enum tca_confidence confidence, int levels)
{
    if (confidence == TCA_NO)
        return TCA_NO;
    int lowered = (int)confidence - levels;
    return lowered < TCA_POSSIBLE  ? TCA_POSSIBLE
           : lowered > TCA_CERTAIN ? TCA_CERTAIN
                                   : (enum tca_confidence)lowered;
}

void tca_say(struct tca_judgement *j, const char *format, ...)
{
    va_list args;
    if (!j->sentence)
        return;
    va_start(args, format);
    vsnprintf(j->sentence->text, sizeof j->sentence->text, format, args);
    va_end(args);
}

/* Of a connection whose segments have no time the states follow from the order of its segments, of which silence and
 * timers are still a part; why they came about nearly always follows from intervals. */
static void doubt_times(struct tca_judgement *j)
{
    if (tca_findings[j->id].column == TCA_COLUMN_EVENT)
        j->confidence = TCA_NO;
    else if (j->confidence != TCA_NO)
        j->confidence = TCA_POSSIBLE;
}

/* Nothing is said yet. */
static void begin(struct tca_judgement *j, enum tca_finding_id id, int64_t time_ns)
{
    memset(j, 0, offsetof(struct tca_judgement, frame));
    j->id = id;
    j->time_ns = time_ns;
}

static bool ask(const struct tca_case *c, enum tca_finding_id id, struct tca_sentence *sentence,
                struct tca_judgement *ret)
{
    begin(ret, id, c->d->m.start_ns);
    ret->sentence = sentence;
    judges[id](c, ret);
    if (c->d->m.damage & TCA_DAMAGE_NO_TIME)
        doubt_times(ret);
    ret->sentence = NULL;
    return ret->confidence != TCA_NO;
}

void tca_judgement_say(const struct tca_case *c, const struct tca_judgement *j, struct tca_sentence *ret)
{
    struct tca_judgement again;
    ret->text[0] = '\0';
    if (j->confidence != TCA_NO && !ask(c, j->id, ret, &again))
        ret->text[0] = '\0';
}

/* ---- which one to read first ---- */

/* Causes that a severity alone would put behind what they bring about. A scan's refused and unanswered attempts are no
 * fault of the service; a connection that stands still, or is refused, is read by what stopped it. */
static const struct {
    enum tca_finding_id cause, effect;
} explained[] = {
    {TCA_portscan, TCA_rst_refused},
    {TCA_portscan, TCA_rst_no_socket},
    {TCA_portscan, TCA_syn_drop_firewall},
    {TCA_portscan, TCA_syn_to_dead_host},
    {TCA_portscan, TCA_handshake_refused_rst},
    {TCA_portscan, TCA_handshake_refused_icmp},
    {TCA_portscan, TCA_handshake_no_answer},
    {TCA_portscan, TCA_handshake_half_open},
    {TCA_portscan, TCA_handshake_half_open_rst},
    {TCA_portscan, TCA_close_rst_reply},
    {TCA_time_wait_refused_rst, TCA_rst_refused},
    {TCA_time_wait_refused_rst, TCA_handshake_refused_rst},
    {TCA_pmtu_blackhole, TCA_rto_ladder_established},
    {TCA_conntrack_invalid_drop, TCA_rto_ladder_established},
};

/* A cause that is merely possible explains nothing away. */
bool tca_is_explained(const struct tca_verdict *v, int at)
{
    for (size_t i = 0; i < sizeof explained / sizeof *explained; i++)
        for (int by = 0; by < v->count && explained[i].effect == v->judgement[at].id; by++)
            if (v->judgement[by].id == explained[i].cause && v->judgement[by].confidence >= TCA_PROBABLE)
                return true;
    return false;
}

/* Findings say why, the handshake and the close what happened; ids that merely hold beside these come last. */
static int kind_of(const struct tca_verdict *v, int at)
{
    bool event = tca_findings[v->judgement[at].id].column == TCA_COLUMN_EVENT;
    return event ? 0 : at < 2 ? 1 + at : 3;
}

/* Severity, then kind, then confidence, then registry order. */
static bool reads_before(const struct tca_verdict *v, int a, int b)
{
    const struct tca_judgement *x = &v->judgement[a], *y = &v->judgement[b];
    enum tca_severity sx = tca_findings[x->id].severity, sy = tca_findings[y->id].severity;
    if (sx != sy)
        return sx > sy;
    if (kind_of(v, a) != kind_of(v, b))
        return kind_of(v, a) < kind_of(v, b);
    return x->confidence != y->confidence ? x->confidence > y->confidence : x->id < y->id;
}

/* The worst of all above info that no other one explains; failing that, an abnormal handshake, then an abnormal close. */
static int choose(const struct tca_verdict *v)
{
    int best = -1;
    for (int at = 0; at < v->count; at++)
        if (tca_findings[v->judgement[at].id].severity > TCA_SEVERITY_INFO && !tca_is_explained(v, at) &&
            (best < 0 || reads_before(v, at, best)))
            best = at;
    for (int at = 0; at < 2 && best < 0; at++)
        if (!tca_findings[v->judgement[at].id].normal)
            best = at;
    return best;
}

/* ---- the verdict ---- */

_Static_assert(TCA_FINDING_COUNT <= UINT8_MAX, "a list names judges by a byte");

static void list_asked(uint32_t facts, struct tca_asked *list)
{
    list->facts = facts;
    list->count = 0;
    for (int id = 0; id < TCA_FINDING_COUNT; id++)
        if (!(tca_findings[id].needs & ~facts) && tca_findings[id].scope == TCA_SCOPE_FLOW)
            list->id[list->count++] = (uint8_t)id;
}

static const struct tca_asked *remember_asked(struct tca_memory *memory, uint32_t facts)
{
    uint32_t hash = facts * UINT32_C(0x9e3779b1) >> (32 - TCA_ASKED_BITS);
    struct tca_asked *list = &memory->asked[hash];
    if (!list->count || list->facts != facts)
        list_asked(facts, list);
    return list;
}

/* What was found so far. A finding that is merely the normal case is not told beside another of its column. */
struct judging {
    const struct tca_case *c;
    struct tca_verdict *v;
    bool taken[3]; /* the place of this column; events have none */
};

/* The first of a column that holds takes its place, all others that hold stand behind. */
static void judge_one(struct judging *g, enum tca_finding_id id)
{
    static const int place[] = {[TCA_COLUMN_HANDSHAKE] = 0, [TCA_COLUMN_CLOSE] = 1};
    enum tca_column column = tca_findings[id].column;
    struct tca_judgement j;
    if ((tca_findings[id].normal && g->taken[column]) || !ask(g->c, id, NULL, &j))
        return;
    if (!g->taken[column])
        g->v->judgement[place[column]] = j;
    else if (g->v->count < TCA_JUDGEMENTS_MAX)
        g->v->judgement[g->v->count++] = j;
    g->taken[column] = true;
}

static void judge(const struct tca_case *c, const struct tca_asked *list, struct tca_verdict *v)
{
    struct judging g = {.c = c, .v = v, .taken = {[TCA_COLUMN_EVENT] = true}};
    v->count = 2;
    for (unsigned at = 0; at < list->count; at++)
        judge_one(&g, (enum tca_finding_id)list->id[at]);
    if (!g.taken[TCA_COLUMN_HANDSHAKE])
        begin(&v->judgement[0], TCA_handshake_pending_at_end, 0);
    if (!g.taken[TCA_COLUMN_CLOSE])
        begin(&v->judgement[1], TCA_close_unknown_mid, 0);
    v->verdict = choose(v);
}

#ifdef TCA_CHECK_WAYS
static bool same(const struct tca_judgement *a, const struct tca_judgement *b)
{
    return !memcmp(a, b, offsetof(struct tca_judgement, frame)) &&
           !memcmp(a->frame, b->frame, a->frame_count * sizeof *a->frame);
}

/* Every judge is asked, reads for itself, and walks over all marks. */
static void check(const struct tca_case *c, const struct tca_verdict *v)
{
    struct tca_dossier dossier = *c->d;
    struct tca_case alone = *c;
    struct tca_asked all;
    struct tca_verdict plain;
    dossier.index = (struct tca_mark_index){.known = false};
    alone.d = &dossier;
    alone.memory = NULL;
    list_asked(UINT32_MAX, &all);
    judge(&alone, &all, &plain);
    if (plain.count != v->count || plain.verdict != v->verdict)
        abort();
    for (unsigned at = 0; at < v->count; at++)
        if (!same(&plain.judgement[at], &v->judgement[at]))
            abort();
}
#endif

void tca_judge_flow(const struct tca_case *c, struct tca_verdict *v)
{
    struct tca_asked list;
    uint32_t facts = tca_facts_of(c);
    if (c->memory) {
        tca_memory_begin(c->memory, facts);
        judge(c, remember_asked(c->memory, facts), v);
    } else {
        list_asked(facts, &list);
        judge(c, &list, v);
    }
#ifdef TCA_CHECK_WAYS
    check(c, v);
#endif
}
