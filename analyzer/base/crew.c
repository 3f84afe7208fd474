/* SPDX-License-Identifier: MIT
 *
 * One run at a time. A run is published by its number, under the lock for those that sleep, and as an atomic for those that
 * spin; tasks are handed out by a counter that bears the run's number and how many tasks it has, so that a thread which is late
 * for one run cannot take a task of the next, nor one that there is not.
 */
#include "base/crew.h"

#include "base/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <tcpautopsy/error.h>

enum { SPINS = 2000, TASK_BITS = 20, TASK_MASK = (1 << TASK_BITS) - 1 };

struct tca_crew {
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for the threads, for the caller */
    pthread_t thread[TCA_CREW_MAX - 1];
    unsigned threads; /* besides the caller's */
    tca_crew_fn *fn;  /* both: of the run whose number stands in `next` */
    void *user;
    _Alignas(64) _Atomic uint64_t next; /* run | its tasks | first of them that nobody has taken */
    _Alignas(64) _Atomic uint32_t left; /* tasks that have not returned */
    bool caller_sleeps, over;           /* under the lock */
    unsigned sleeping;
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static uint32_t run_of(uint64_t next)
{
    return (uint32_t)(next >> 2 * TASK_BITS);
}

static bool is_left(uint64_t next)
{
    return (next & TASK_MASK) < (next >> TASK_BITS & TASK_MASK);
}

static uint64_t first_of(uint32_t run, unsigned tasks)
{
    return (uint64_t)run << 2 * TASK_BITS | (uint64_t)tasks << TASK_BITS;
}

/* A task of this run; false: all are taken, or it is over. */
static bool take(struct tca_crew *crew, uint32_t run, uint32_t *ret_task)
{
    uint64_t next = atomic_load_explicit(&crew->next, memory_order_acquire);
    while (run_of(next) == run && is_left(next))
        if (atomic_compare_exchange_weak_explicit(&crew->next, &next, next + 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *ret_task = (uint32_t)(next & TASK_MASK);
            return true;
        }
    return false;
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

static void do_tasks(struct tca_crew *crew, uint32_t run)
{
    uint32_t task;
    while (take(crew, run, &task)) {
        crew->fn(crew->user, task);
        returned(crew);
    }
}

/* The number of a run other than the last one; 0: the crew is over. */
static uint32_t await_run(struct tca_crew *crew, uint32_t last)
{
    for (int spin = 0; spin < SPINS; spin++) {
        uint32_t run = run_of(atomic_load_explicit(&crew->next, memory_order_acquire));
        if (run != last)
            return run;
        pause_briefly();
    }
    pthread_mutex_lock(&crew->lock);
    crew->sleeping++;
    uint32_t run;
    while ((run = run_of(atomic_load_explicit(&crew->next, memory_order_acquire))) == last)
        pthread_cond_wait(&crew->work, &crew->lock);
    crew->sleeping--;
    pthread_mutex_unlock(&crew->lock);
    return run;
}

static void *work(void *user)
{
    struct tca_crew *crew = user;
    uint32_t run = 1;
    while ((run = await_run(crew, run)))
        do_tasks(crew, run);
    return NULL;
}

/* Runs are numbered from 2 on, and from 1 again after a while; 0 ends the crew. */
static void publish(struct tca_crew *crew, uint32_t run, unsigned tasks)
{
    pthread_mutex_lock(&crew->lock);
    atomic_store_explicit(&crew->next, first_of(run, tasks), memory_order_release);
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
    atomic_init(&crew->next, first_of(1, 0));
    atomic_init(&crew->left, 0);
    unsigned wanted = threads < TCA_CREW_MAX ? threads : TCA_CREW_MAX;
    while (crew->threads + 1 < wanted && !pthread_create(&crew->thread[crew->threads], NULL, work, crew))
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
    uint64_t last = atomic_load_explicit(&crew->next, memory_order_relaxed);
    uint32_t run = run_of(first_of(run_of(last) + 1, 0));
    run += !run;
    atomic_store_explicit(&crew->left, tasks, memory_order_relaxed);
    publish(crew, run, tasks);
    do_tasks(crew, run);
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
