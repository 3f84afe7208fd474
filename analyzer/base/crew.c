/* SPDX-License-Identifier: MIT
 *
 * One run at a time. A run is published by its number, under the lock for those that sleep, and as an atomic for those that
 * spin, together with how many tasks it has. A task is taken by writing the run's number beside it, which only a lower one gives way
 * to: a run ends when all its tasks are taken and done, so a thread that is late for it finds none, and cannot take one of the
 * next. Each thread begins with its own tasks, the same in every run: what they work on is in its cache. Then it helps the
 * others, from their last one on.
 */
#include "base/crew.h"

#include "base/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <tcpautopsy/error.h>

enum { SPINS = 2000, TASK_BITS = 16, TASK_MASK = (1 << TASK_BITS) - 1 };
_Static_assert((int)TCA_CREW_TASKS <= (int)TASK_MASK, "tasks of a run");

/* A thread and its number; the caller's is 0. */
struct hand {
    struct tca_crew *crew;
    unsigned thread;
};

struct tca_crew {
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for the threads, for the caller */
    pthread_t thread[TCA_CREW_MAX - 1];
    struct hand hand[TCA_CREW_MAX - 1];
    unsigned threads; /* besides the caller's */
    tca_crew_fn *fn;  /* both: of the newest run */
    void *user;
    _Alignas(64) _Atomic uint64_t newest;   /* run | its tasks */
    _Alignas(64) _Atomic uint32_t left;     /* tasks that have not returned */
    _Atomic uint64_t taken[TCA_CREW_TASKS]; /* in which run it was taken last */
    bool caller_sleeps;                     /* under the lock */
    unsigned sleeping;
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static uint64_t run_of(uint64_t newest)
{
    return newest >> TASK_BITS;
}

static unsigned tasks_of(uint64_t newest)
{
    return (unsigned)(newest & TASK_MASK);
}

static uint64_t named(uint64_t run, unsigned tasks)
{
    return run << TASK_BITS | tasks;
}

static bool take(struct tca_crew *crew, uint64_t run, unsigned task)
{
    uint64_t before = atomic_load_explicit(&crew->taken[task], memory_order_relaxed);
    return before < run && atomic_compare_exchange_strong_explicit(
                               &crew->taken[task], &before, run, memory_order_acq_rel, memory_order_relaxed);
}

static void returned(struct tca_crew *crew)
{
    if (atomic_fetch_sub_explicit(&crew->left, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&crew->lock);
    if (crew->caller_sleeps)
        pthread_cond_signal(&crew->done);
    pthread_mutex_unlock(&crew->lock);
}

static void do_task(struct tca_crew *crew, uint64_t run, unsigned task)
{
    if (!take(crew, run, task))
        return;
    crew->fn(crew->user, task);
    returned(crew);
}

static void do_tasks(struct tca_crew *crew, uint64_t newest, unsigned thread)
{
    unsigned tasks = tasks_of(newest);
    for (unsigned task = thread; task < tasks; task += crew->threads + 1)
        do_task(crew, run_of(newest), task);
    for (unsigned task = tasks; task--;)
        do_task(crew, run_of(newest), task);
}

/* A run other than the last one; its number 0: the crew is over. */
static uint64_t await_run(struct tca_crew *crew, uint64_t last)
{
    uint64_t newest;
    for (int spin = 0; spin < SPINS; spin++) {
        newest = atomic_load_explicit(&crew->newest, memory_order_acquire);
        if (newest != last)
            return newest;
        pause_briefly();
    }
    pthread_mutex_lock(&crew->lock);
    crew->sleeping++;
    while ((newest = atomic_load_explicit(&crew->newest, memory_order_acquire)) == last)
        pthread_cond_wait(&crew->work, &crew->lock);
    crew->sleeping--;
    pthread_mutex_unlock(&crew->lock);
    return newest;
}

static void *work(void *user)
{
    struct hand *hand = user;
    uint64_t newest = named(1, 0);
    while (run_of(newest = await_run(hand->crew, newest)))
        do_tasks(hand->crew, newest, hand->thread);
    return NULL;
}

/* Runs are numbered from 2 on; 0 ends the crew. */
static void publish(struct tca_crew *crew, uint64_t run, unsigned tasks)
{
    pthread_mutex_lock(&crew->lock);
    atomic_store_explicit(&crew->newest, named(run, tasks), memory_order_release);
    if (crew->sleeping)
        pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
}

static void await_all(struct tca_crew *crew)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (!atomic_load_explicit(&crew->left, memory_order_acquire))
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&crew->lock);
    crew->caller_sleeps = true;
    while (atomic_load_explicit(&crew->left, memory_order_acquire))
        pthread_cond_wait(&crew->done, &crew->lock);
    crew->caller_sleeps = false;
    pthread_mutex_unlock(&crew->lock);
}

int tca_crew_new(unsigned threads, struct tca_crew **ret_crew)
{
    struct tca_crew *crew = tca_alloc(sizeof *crew);
    if (!crew)
        return TCA_EMEMORY;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->work, NULL);
    pthread_cond_init(&crew->done, NULL);
    atomic_init(&crew->newest, named(1, 0));
    atomic_init(&crew->left, 0);
    unsigned wanted = threads < TCA_CREW_MAX ? threads : TCA_CREW_MAX;
    for (unsigned at = 0; at + 1 < wanted; at++)
        crew->hand[at] = (struct hand){crew, at + 1};
    while (crew->threads + 1 < wanted &&
           !pthread_create(&crew->thread[crew->threads], NULL, work, &crew->hand[crew->threads]))
        crew->threads++;
    *ret_crew = crew;
    return TCA_OK;
}

void tca_crew_free(struct tca_crew *crew)
{
    if (!crew)
        return;
    publish(crew, 0, 0);
    for (unsigned at = 0; at < crew->threads; at++)
        pthread_join(crew->thread[at], NULL);
    pthread_cond_destroy(&crew->work);
    pthread_cond_destroy(&crew->done);
    pthread_mutex_destroy(&crew->lock);
    tca_free(crew);
}

unsigned tca_crew_size(const struct tca_crew *crew)
{
    return crew ? crew->threads + 1 : 1;
}

static void run_some(struct tca_crew *crew, unsigned tasks)
{
    uint64_t run = run_of(atomic_load_explicit(&crew->newest, memory_order_relaxed)) + 1;
    atomic_store_explicit(&crew->left, tasks, memory_order_relaxed);
    publish(crew, run, tasks);
    do_tasks(crew, named(run, tasks), 0);
    await_all(crew);
}

void tca_crew_run(struct tca_crew *crew, tca_crew_fn *fn, void *user, unsigned tasks)
{
    if (!crew || !crew->threads || tasks < 2) {
        for (unsigned task = 0; task < tasks; task++)
            fn(user, task);
        return;
    }
    crew->fn = fn;
    crew->user = user;
    run_some(crew, tasks);
}

unsigned tca_crew_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > TCA_CREW_MAX ? TCA_CREW_MAX : (unsigned)count;
}
