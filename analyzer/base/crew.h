/* SPDX-License-Identifier: MIT
 *
 * A crew: threads that share out tasks which have nothing to do with each other.
 *
 *      tca_crew_new(4) -> tca_crew_run(crew, fn, user, 64) ... tca_crew_run(...) -> tca_crew_free
 *
 * tca_crew_run() calls fn(user, 0) to fn(user, tasks - 1), each once, on whatever thread is free, the caller's among them, and
 * returns when all have returned. What one run wrote the next one, and the caller, may read. Which thread does a task, and
 * when, is nothing a result may depend on. Between runs the threads spin for some microseconds, since the next run often
 * comes at once, and then sleep: a busy machine loses nothing by waiting crews.
 */
#ifndef TCA_BASE_CREW_H
#define TCA_BASE_CREW_H

enum { TCA_CREW_MAX = 64, TCA_CREW_TASKS = 1024 }; /* threads; tasks of a run */

struct tca_crew;

typedef void tca_crew_fn(void *user, unsigned task);

/* `threads` in all, the caller's among them, at most TCA_CREW_MAX; fewer where the system gives no more. 0 or TCA_EMEMORY. */
int tca_crew_new(unsigned threads, struct tca_crew **ret_crew);
void tca_crew_free(struct tca_crew *crew);
/* Threads in all; crew NULL: one. */
unsigned tca_crew_size(const struct tca_crew *crew);
/* At most TCA_CREW_TASKS. The same task goes to the same thread as in other runs, unless that one is late. crew NULL: the caller
 * does all, in order. */
void tca_crew_run(struct tca_crew *crew, tca_crew_fn *fn, void *user, unsigned tasks);
/* Processors that this process may use, 1 to TCA_CREW_MAX. */
unsigned tca_crew_processors(void);

#endif
