/* SPDX-License-Identifier: MIT
 *
 * A function that stands apart from its caller. Where most calls go a short way and few a long one, a compiler that puts the
 * long one into the same function makes all calls pay for its registers and its arrays.
 */
#ifndef TCA_BASE_APART_H
#define TCA_BASE_APART_H

#define TCA_APART __attribute__((noinline))

#endif
