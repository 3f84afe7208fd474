/* SPDX-License-Identifier: MIT
 *
 * The public API: a session's life, files, tables and texts. Order is checked here, so that a caller who
 * mixes it up gets TCA_EUSAGE and words instead of a crash.
 */
#include "engine/reading.h"
#include "engine/run.h"

#include "base/stop.h"
#include "capture/source.h"
#include "report/row.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int tca_words(struct tca_error *error, int code)
{
    switch (code) {
    case TCA_OK:
        return TCA_OK;
    case TCA_EMEMORY:
        return tca_fail(error, code, "out of memory");
    case TCA_EOUTPUT:
        return tca_fail(error, code, "cannot write: no space left, or a closed pipe");
    default:
        return tca_fail(error, code, "stopped");
    }
}

int tca_keep_whole(struct tca_session *s, int code)
{
    if (code == TCA_EMEMORY || code == TCA_EOUTPUT)
        s->broken = code;
    return code;
}

int tca_must_be_whole(const struct tca_session *s, struct tca_error *error)
{
    if (s->saved)
        return tca_fail(error, TCA_EUSAGE, "the session was saved as a part: free it");
    return s->broken ? tca_fail(error, s->broken, "the session failed before: free it") : TCA_OK;
}

static int open_trace(struct tca_session *s)
{
    int file;
    int code = tca_temp_file(s->set.temp_dir, &file);
    if (code)
        return code;
    s->trace = fdopen(file, "w+b");
    if (!s->trace)
        close(file);
    return s->trace ? TCA_OK : TCA_EMEMORY;
}

/* Addresses that were typed are such as results show: the analysis wants the real ones. */
static int make_anonymous(struct tca_session *s)
{
    struct tca_settings *set = &s->set;
    s->anon = tca_anon_new(set->key, set->key_length);
    if (!s->anon)
        return TCA_EMEMORY;
    if (set->real_addresses)
        return TCA_OK;
    if (set->has_host)
        tca_anon_restore(s->anon, set->host, set->host);
    for (size_t at = 0; at < set->server_count; at++)
        tca_anon_restore(s->anon, set->server[at].addr, set->server[at].addr);
    for (size_t at = 0; at < set->known.count; at++)
        if (!set->known.list[at].every_host)
            tca_anon_restore(s->anon, set->known.list[at].addr, set->known.list[at].addr);
    return TCA_OK;
}

int tca_session_open(const struct tca_settings *set, struct tca_session **ret_session,
                     struct tca_error *error)
{
    struct tca_session *s = tca_alloc(sizeof *s);
    if (!s)
        return tca_words(error, TCA_EMEMORY);
    pthread_mutex_init(&s->lock, NULL);
    int code = tca_settings_copy(set, &s->set);
    if (!code && set->temp_dir && access(set->temp_dir, W_OK | X_OK)) {
        tca_fail(error, TCA_EUSAGE, "temp-dir '%s': %s", set->temp_dir, strerror(errno));
        tca_session_free(s);
        return TCA_EUSAGE;
    }
    if (!code && s->set.key)
        code = make_anonymous(s);
    if (!code && s->set.jobs)
        code = tca_hire(s);
    if (!code && set->trace)
        code = open_trace(s);
    if (code) {
        tca_session_free(s);
        return tca_words(error, code);
    }
    *ret_session = s;
    return TCA_OK;
}

void tca_session_free(struct tca_session *s)
{
    if (!s)
        return;
    if (s->open)
        tca_pass1_end(s);
    for (size_t at = 0; at < s->capture_count; at++) {
        tca_free(s->capture[at]->name);
        tca_free(s->capture[at]->path);
        tca_free(s->capture[at]->message);
        tca_free(s->capture[at]->comment);
        tca_free(s->capture[at]->left_out);
        tca_series_free(s->capture[at]);
        tca_free(s->capture[at]);
    }
    tca_free(s->capture);
    tca_streams_free(s->streams);
    tca_swept_done(s);
    tca_estimates_free(s->estimates);
    tca_census_free(s->census);
    tca_census_free(s->served);
    tca_nat_hints_done(&s->nat_hints);
    tca_nats_free(s->nats);
    tca_moved_done(&s->moved);
    tca_spots_done(&s->spots);
    tca_comments_done(&s->comments);
    tca_twins_free(s->twins);
    tca_incidents_done(&s->incidents);
    tca_spool_done(s);
    pthread_mutex_destroy(&s->lock);
    if (s->trace)
        fclose(s->trace);
    tca_settings_clear(&s->set);
    tca_anon_free(s->anon);
    tca_crew_free(s->crew);
    tca_free(s);
}

void tca_session_interrupt(struct tca_session *s)
{
    tca_stop(&s->stop);
}

void tca_session_watch(struct tca_session *s, struct tca_progress *progress)
{
    s->watcher = progress;
}

/* ---- input ---- */

int tca_session_capture_begin(struct tca_session *s, const char *name, struct tca_error *error)
{
    if (s->broken || s->saved)
        return tca_must_be_whole(s, error);
    if (s->open || s->finished)
        return tca_fail(error, TCA_EUSAGE, s->open ? "a capture is already open" : "the session is finished");
    return tca_words(error, tca_keep_whole(s, tca_pass1_begin(s, name, 1)));
}

int tca_session_feed(struct tca_session *s, const struct tca_record *records, size_t count,
                     struct tca_error *error)
{
    if (s->broken || s->saved)
        return tca_must_be_whole(s, error);
    if (!s->open)
        return tca_fail(error, TCA_EUSAGE, "no capture is open");
    struct tca_capture_facts *facts = &s->open->facts;
    int code = TCA_OK;
    for (size_t at = 0; at < count && !code; at++) {
        if (tca_is_stopped(&s->stop)) {
            facts->status = tca_source_status_name(TCA_SOURCE_interrupted);
            break;
        }
        tca_note_link(facts, records[at].link);
        facts->bytes += records[at].captured;
        code = tca_keep_whole(s, tca_pass1_feed(s, &records[at], 1));
    }
    return tca_words(error, code);
}

int tca_session_capture_end(struct tca_session *s, struct tca_error *error)
{
    if (!s->open)
        return tca_fail(error, TCA_EUSAGE, "no capture is open");
    int code = tca_keep_whole(s, tca_pass1_end(s));
    return tca_words(error, code ? code : s->broken);
}

/* Whoever reads a table that has no place for it is to know. */
static void say_cut_short(const struct tca_session *s, struct tca_error *error)
{
    uint64_t cut_short = 0;
    for (size_t at = 0; at < s->capture_count; at++)
        cut_short += s->capture[at]->facts.cut_short;
    if (!cut_short || !error || error->text[0])
        return;
    tca_fail(error, TCA_OK,
             "%llu connection%s cut short, since --memory has no more room: rows of flows say cut_short, "
             "listeners, incidents and "
             "counters know of these in part or not at all; give more memory",
             (unsigned long long)cut_short, cut_short == 1 ? " was" : "s were");
}

int tca_session_finish(struct tca_session *s, struct tca_error *error)
{
    if (s->broken || s->saved)
        return tca_must_be_whole(s, error);
    if (s->finished || s->open)
        return tca_fail(error, TCA_EUSAGE,
                        s->open ? "a capture is still open" : "the session is already finished");
    s->finished = true;
    if (s->trace && fflush(s->trace)) /* all of it stands in the file, or nothing is told from it */
        return tca_words(error, tca_keep_whole(s, TCA_EOUTPUT));
    int code = tca_keep_whole(s, tca_pass2_prepare(s));
    uint32_t before = 0;
    for (size_t at = 0; !code && at < tca_swept_listeners(s); at++) {
        /* A capture has one vantage if all its listeners agree. */
        struct tca_listener room;
        const struct tca_listener *l = tca_swept_listener(s, at, &room);
        struct tca_capture_facts *facts = &s->capture[l->capture - 1]->facts;
        bool first = before != l->capture;
        before = l->capture;
        if (first)
            facts->vantage = l->vantage;
        else if (facts->vantage != l->vantage)
            facts->vantage = TCA_VANTAGE_UNKNOWN;
    }
    for (size_t at = 0; !code && at < s->capture_count; at++)
        s->capture[at]->facts.shadowed = tca_twins_shadowed(s->twins, s->capture[at]->facts.ordinal);
    if (code)
        return tca_words(error, code);
    code = tca_facts_check(s, error);
    if (!code)
        say_cut_short(s, error);
    return code;
}

int tca_must_be_finished(const struct tca_session *s, struct tca_error *error)
{
    if (!s->finished)
        return tca_fail(error, TCA_EUSAGE, "the session is not finished yet");
    return tca_must_be_whole(s, error);
}

/* ---- has finding ---- */

struct hunt {
    bool wanted[TCA_FINDING_COUNT];
    bool any;
    enum tca_confidence least; /* --min-confidence holds for columns as well here */
};

static bool hit(const struct hunt *h, enum tca_finding_id id)
{
    return h->wanted[id] || (h->any && tca_findings[id].severity > TCA_SEVERITY_INFO);
}

static int hunt_flow(void *user, const struct tca_flow_view *view)
{
    const struct hunt *h = user;
    for (unsigned at = 0; at < view->v->count; at++)
        if (view->v->judgement[at].confidence >= h->least && hit(h, view->v->judgement[at].id))
            return TCA_ESTOPPED;
    return TCA_OK;
}

/* One after the other; `any` may stand among them. */
static int read_hunted(const char *ids, struct hunt *h, struct tca_error *error)
{
    struct tca_settings list = {0};
    do {
        char id[80];
        size_t length = strcspn(ids, ",");
        snprintf(id, sizeof id, "%.*s", (int)(length < sizeof id ? length : sizeof id - 1), ids);
        if (!strcmp(id, "any"))
            h->any = true;
        else if (tca_settings_set(&list, "finding", id, error))
            return TCA_EUSAGE;
        ids += length + (ids[length] == ',');
    } while (*ids);
    memcpy(h->wanted, list.wanted, sizeof h->wanted);
    return TCA_OK;
}

int tca_session_has_finding(struct tca_session *s, const char *ids, bool *ret_found, struct tca_error *error)
{
    struct hunt h = {.any = !ids, .least = s->set.min_confidence};
    int code = tca_must_be_finished(s, error);
    if (!code && ids)
        code = read_hunted(ids, &h, error);
    if (code)
        return code;
    code = tca_pass2_walk(s, hunt_flow, &h);
    if (code && code != TCA_ESTOPPED)
        return tca_words(error, code);
    bool found = code == TCA_ESTOPPED;
    for (size_t at = 0; at < tca_swept_listeners(s) && !found; at++) {
        struct tca_told_listener told;
        tca_pass2_listener(s, at, &told);
        found = told.listener.episode_count && hit(&h, TCA_overflow_interval);
    }
    for (size_t at = 0; at < s->incidents.count && !found; at++)
        found = tca_pass2_tells(s, &s->incidents.list[at]) && hit(&h, s->incidents.list[at].id);
    *ret_found = found;
    return TCA_OK;
}
