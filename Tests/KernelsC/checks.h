// Tests of the kernels in plain C. They compare kernels with loops in double precision, on odd shapes.
//
// They need no Swift, so a C compiler and an emulator are enough to run them (Scripts/test_neon.sh).
#ifndef CHECKS_H
#define CHECKS_H

#include "OuroKernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The number of failures so far. expect_close and expect_same print the first 20.
extern int failures;

void check_products(const ouro_variant *variant);
void check_quantised_products(const ouro_variant *variant);
void check_row_major_products(const ouro_variant *variant);
void check_elementwise(const ouro_variant *variant);
void check_attention(const ouro_variant *variant);
void check_sampling(const ouro_variant *variant);

// Pseudo-random numbers: floats from -1 to 1, integers from low to high. Every run gets the same sequence.
float random_value(void);
int random_integer(int low, int high);

// Returns zeroed memory, aligned to 64 bytes. Ends the program if there is not enough memory.
void *allocate(size_t bytes);

// Converts a value to an element type, rounding towards zero, and writes it. Returns the value that was written.
double encode(ouro_element element, float value, void *out);

// Reports a failure if two values differ by more than tolerance * (1 + magnitude). `what` names the test.
void expect_close(const ouro_variant *variant, const char *what, double found, double expected, double tolerance,
                  double magnitude);

// Reports a failure unless n floats agree in every bit.
void expect_same(const ouro_variant *variant, const char *what, const float *found, const float *expected, size_t n);

#endif
