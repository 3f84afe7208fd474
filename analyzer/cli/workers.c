/* SPDX-License-Identifier: MIT
 *
 *     main thread:  signals, the line of progress          every tenth of a second
 *     worker K:     next lot -> session -> read -> save part -> journal -> next lot
 *
 * Workers share a lock for the journal, for words and for the list of sessions that are open; reading and saving happen
 * outside of it. Signals reach the main thread alone, which then stops all sessions: what was stopped is thrown away and read
 * again by --resume, so that a part always holds all of its lot.
 */
#include "workers.h"

#include "cells.h"
#include "intake.h"
#include "progress.h"
#include "say.h"
#include "setup.h"
#include "signals.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tcpautopsy/part.h>
#include <unistd.h>

enum { THREADS_MAX = 64, TICK_NS = 100000000 };

struct crew;

struct worker {
    struct crew *crew;
    pthread_t thread;
    struct tca_session *session; /* while it reads; under the lock */
    struct tca_progress told;    /* written by the session */
    bool busy;                   /* with a lot that is not among those done; under the lock */
    uint64_t bytes;              /* of that lot; under the lock */
    uint64_t faults;             /* of the lot at hand */
};

struct crew {
    struct works *works;
    struct tca_settings *set; /* each session's */
    struct worker worker[THREADS_MAX];
    unsigned count;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a worker has ended */
    /* under the lock */
    size_t next;      /* of works->lot */
    unsigned running; /* workers that have not ended */
    bool stop;
    int code; /* what ended all */
    uint64_t bad;
    struct progress progress;
    struct progress_now done;
};

/* ---- how many, with how much ---- */

unsigned workers_threads(const struct request *req)
{
    cpu_set_t set;
    int threads = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    const char *jobs = request_value(req, OPTION_jobs, NULL);
    if (jobs)
        threads = atoi(jobs); /* the library has looked at it */
    return threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : (unsigned)threads;
}

static int set_number(struct tca_settings *set, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return setup_option(set, name, text);
}

static int set_shard(struct tca_settings *set, const struct shares *shares)
{
    char text[32];
    snprintf(text, sizeof text, "%u/%u", shares->share, shares->count);
    return shares->by == BY_HASH && shares->count > 1 ? setup_option(set, "shard", text) : 0;
}

/* Many lots: each has one thread. Few: several threads each. --memory is for each of them, since in a flood it decides what is cut
 * short: that must not depend on how many are read at a time. */
static int settle(struct crew *crew)
{
    const struct works *works = crew->works;
    unsigned threads = workers_threads(works->req);
    crew->count = works->count < threads ? (unsigned)works->count : threads;
    if (!crew->count)
        return 0;
    int code = setup_new(works->req, &crew->set);
    if (!code)
        code = set_number(crew->set, "jobs", threads / crew->count);
    return code ? code : set_shard(crew->set, works->shares);
}

/* ---- one lot ---- */

/* A tca_told_fn. */
static void told_capture(void *user, const char *capture, int code, const struct tca_error *error)
{
    struct worker *worker = user;
    struct crew *crew = worker->crew;
    const struct request *req = crew->works->req;
    bool warning = code == 0 && error->text[0] != '\0';
    bool cut = warning && error->frame > 0 && request_has(req, OPTION_strict);
    worker->faults += code == TCA_EINPUT || code == TCA_EUNSUPPORTED || cut;
    if (code == 0 && (!warning || request_has(req, OPTION_quiet)))
        return;
    pthread_mutex_lock(&crew->lock);
    progress_clear(&crew->progress);
    say_error(name_of(capture), error);
    pthread_mutex_unlock(&crew->lock);
}

static void fail(struct crew *crew, int code, const char *file, const struct tca_error *error)
{
    pthread_mutex_lock(&crew->lock);
    if (!crew->code && error) {
        progress_clear(&crew->progress);
        say_error(file, error);
    }
    crew->code = crew->code ? crew->code : code;
    crew->stop = true;
    pthread_mutex_unlock(&crew->lock);
}

static int lack_memory(struct crew *crew)
{
    const struct tca_error error = {.offset = -1, .text = "memory is out: close other programs"};
    fail(crew, TCA_EMEMORY, NULL, &error);
    return TCA_EMEMORY;
}

/* From now on a signal stops it. */
static void enlist(struct worker *worker, struct tca_session *session, uint64_t bytes)
{
    struct crew *crew = worker->crew;
    pthread_mutex_lock(&crew->lock);
    worker->session = session;
    worker->bytes = bytes;
    worker->busy = true;
    worker->told.packets = worker->told.bytes = worker->told.flows = 0;
    if (crew->stop)
        tca_session_interrupt(session);
    pthread_mutex_unlock(&crew->lock);
    tca_session_watch(session, &worker->told);
}

static bool is_stopped(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    bool stop = crew->stop;
    pthread_mutex_unlock(&crew->lock);
    return stop;
}

/* No more. True if it was not stopped. */
static bool discharge(struct worker *worker)
{
    struct crew *crew = worker->crew;
    pthread_mutex_lock(&crew->lock);
    worker->session = NULL;
    bool whole = !crew->stop;
    pthread_mutex_unlock(&crew->lock);
    return whole;
}

/* The part is there: tell the journal. */
static int note_part(struct worker *worker, size_t lot, const char *path)
{
    struct crew *crew = worker->crew;
    struct works *works = crew->works;
    struct tca_error error = {.offset = -1};
    struct tca_part_about *about = malloc(sizeof *about); /* large for a thread's stack */
    struct stat st;
    if (!about)
        return lack_memory(crew);
    int code = tca_part_read_about(path, about, &error);
    if (code)
        fail(crew, TCA_EOUTPUT, path, &error);
    pthread_mutex_lock(&crew->lock);
    if (!code) {
        const struct journal_lot one = {.lot = lot,
                                        .part = strrchr(path, '/') + 1,
                                        .bytes = stat(path, &st) ? 0 : (uint64_t)st.st_size,
                                        .captures = about->captures,
                                        .packets = about->packets,
                                        .flows = about->flows,
                                        .faults = worker->faults};
        code = journal_lot(works->journal, works->manifest, &one);
        crew->done.items += works->manifest->lot[lot].count;
        crew->done.bytes += worker->bytes;
        crew->done.packets += about->packets;
        crew->done.flows += about->flows;
        works->flows += about->flows;
        works->faults += worker->faults;
    }
    worker->busy = false;
    pthread_mutex_unlock(&crew->lock);
    free(about);
    return code;
}

static int save(struct worker *worker, size_t lot, struct tca_session *session)
{
    const struct works *works = worker->crew->works;
    struct tca_error error = {.offset = -1};
    char label[TCA_PART_LABEL_MAX + 1], name[64], *path;
    manifest_label(works->manifest, lot, label);
    manifest_part_name(works->manifest, lot, works->shares->share, name);
    if (asprintf(&path, "%s/%s", works->parts, name) < 0)
        return lack_memory(worker->crew);
    int code = tca_session_save(session, path, label, &error);
    if (code)
        fail(worker->crew, code, path, &error);
    else
        code = note_part(worker, lot, path);
    free(path);
    return code;
}

/* More than --max-errors captures were bad: what is being read is thrown away, and goes on with --resume. */
static void judge_faults(struct crew *crew)
{
    uint64_t most;
    if (!cell_count(request_value(crew->works->req, OPTION_max_errors, ""), &most))
        return;
    pthread_mutex_lock(&crew->lock);
    if (crew->works->faults > most)
        crew->works->too_many = crew->stop = true;
    pthread_mutex_unlock(&crew->lock);
}

static uint64_t bytes_of(const struct works *works, size_t lot)
{
    const struct manifest_lot *l = &works->manifest->lot[lot];
    uint64_t bytes = 0;
    for (size_t item = l->first; item < l->first + l->count; item++)
        bytes += tca_plan_item(works->plan, item)->bytes;
    return bytes;
}

/* What one --verbose asks for: a line for each item. */
static void say_reading(struct crew *crew, size_t item)
{
    if (!request_has(crew->works->req, OPTION_verbose))
        return;
    pthread_mutex_lock(&crew->lock);
    say("reading %s", crew->works->manifest->item[item].name);
    pthread_mutex_unlock(&crew->lock);
}

static int read_items(struct worker *worker, size_t lot, struct tca_session *session)
{
    const struct works *works = worker->crew->works;
    const struct manifest_lot *l = &works->manifest->lot[lot];
    int code = 0;
    for (size_t item = l->first; item < l->first + l->count && !code && !is_stopped(worker->crew); item++) {
        say_reading(worker->crew, item);
        code = tca_session_read_item(session, works->plan, item, told_capture, worker);
    }
    return code;
}

static int read_lot(struct worker *worker, size_t lot)
{
    struct crew *crew = worker->crew;
    struct tca_session *session;
    struct tca_error error = {.offset = -1};
    worker->faults = 0;
    int code = tca_session_open(crew->set, &session, &error);
    if (code) {
        fail(crew, code, NULL, &error);
        return code;
    }
    enlist(worker, session, bytes_of(crew->works, lot));
    code = read_items(worker, lot, session);
    bool whole = discharge(worker);
    if (!code && whole)
        code = save(worker, lot, session);
    tca_session_free(session);
    if (!code)
        judge_faults(crew);
    return code;
}

/* ---- all of them ---- */

static bool next_lot(struct crew *crew, size_t *ret_lot)
{
    pthread_mutex_lock(&crew->lock);
    bool any = !crew->stop && crew->next < crew->works->count;
    if (any)
        *ret_lot = crew->works->lot[crew->next++];
    pthread_mutex_unlock(&crew->lock);
    return any;
}

static void *work(void *user)
{
    struct worker *worker = user;
    struct crew *crew = worker->crew;
    int code = 0;
    for (size_t lot; !code && next_lot(crew, &lot);)
        code = read_lot(worker, lot);
    if (code)
        fail(crew, code, NULL, NULL); /* its words were said */
    pthread_mutex_lock(&crew->lock);
    crew->running--;
    pthread_cond_signal(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* Signals are for the main thread. */
static int hire(struct crew *crew)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned at = 0; at < crew->count; at++) {
        crew->worker[at].crew = crew;
        if (pthread_create(&crew->worker[at].thread, NULL, work, &crew->worker[at]) != 0)
            crew->count = at;
        else
            crew->running++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!crew->count)
        say("no thread can be started: close other programs");
    return crew->count ? 0 : TCA_EMEMORY;
}

static void tell_progress(struct crew *crew)
{
    struct progress_now now = crew->done;
    for (unsigned at = 0; at < crew->count; at++) {
        struct worker *worker = &crew->worker[at];
        uint64_t bytes = worker->told.bytes;
        if (!worker->busy)
            continue;
        now.bytes += bytes < worker->bytes ? bytes : worker->bytes;
        now.packets += worker->told.packets;
        now.flows += worker->told.flows;
    }
    progress_tell(&crew->progress, &now);
}

static void stop_all(struct crew *crew)
{
    crew->stop = true;
    for (unsigned at = 0; at < crew->count; at++)
        if (crew->worker[at].session)
            tca_session_interrupt(crew->worker[at].session);
}

/* Until all have ended. */
static void watch(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    while (crew->running) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&crew->changed, &crew->lock, &until);
        if (signals_any() || crew->stop)
            stop_all(crew);
        tell_progress(crew);
    }
    progress_clear(&crew->progress);
    pthread_mutex_unlock(&crew->lock);
}

static int run(struct crew *crew)
{
    int code = settle(crew);
    if (!code && crew->count)
        code = hire(crew);
    if (code || !crew->count)
        return code;
    watch(crew);
    for (unsigned at = 0; at < crew->count; at++)
        pthread_join(crew->worker[at].thread, NULL);
    return crew->code;
}

static void begin_progress(struct crew *crew)
{
    const struct works *works = crew->works;
    struct progress *p = &crew->progress;
    for (size_t at = 0; at < works->count; at++)
        p->bytes += bytes_of(works, works->lot[at]);
    p->items = works->items + works->items_before;
    p->items_before = works->items_before;
    progress_begin(p, !request_has(works->req, OPTION_quiet) && !request_has(works->req, OPTION_verbose) &&
                          isatty(STDERR_FILENO));
}

int workers_run(struct works *works)
{
    struct crew *crew = calloc(1, sizeof *crew);
    pthread_condattr_t attr;
    if (!crew) {
        say("memory is out: close other programs");
        return TCA_EMEMORY;
    }
    crew->works = works;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&crew->changed, &attr);
    pthread_condattr_destroy(&attr);
    begin_progress(crew);
    int code = run(crew);
    tca_settings_free(crew->set);
    pthread_cond_destroy(&crew->changed);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
    return code;
}
