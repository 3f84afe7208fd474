/* SPDX-License-Identifier: MIT
 *
 * What each command may touch, from the moment at which it begins to read what others wrote.
 */
#ifndef TCA_CLI_CONFINE_H
#define TCA_CLI_CONFINE_H

#include "options.h"

struct confined {
    const char *made; /* the folder for results, if it was not there before; borrowed */
};

/* Close the box, by the names in the request, which stand for files by now (intake_open). Before any thread, and before anything of
 * captures, parts or tables is read; texts that the user wrote (lists of names, filters, settings) are read by then. A folder that is
 * to hold results is made, since none can be later. */
struct confined confine(const struct request *req);
/* The command is over: what was made for results and holds none goes away. */
void confine_end(const struct confined *confined);

#endif
