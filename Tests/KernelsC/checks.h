// Tests of the kernels in plain C: kernels against loops in double precision, on odd shapes.
//
// They need no Swift, so they also run where there is only a C compiler and an emulator (Scripts/test_neon.sh).
#ifndef CHECKS_H
#define CHECKS_H

#include "OuroKernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Failures so far. The first 20 are printed.
extern int failures;

void check_products(const ouro_variant *variant);
void check_quantised_products(const ouro_variant *variant);
void check_row_major_products(const ouro_variant *variant);
void check_elementwise(const ouro_variant *variant);
void check_attention(const ouro_variant *variant);
void check_sampling(const ouro_variant *variant);

// Random numbers: floats in -1 ... 1, integers in low ... high. Every run gets the same ones.
float random_value(void);
int random_integer(int low, int high);

// Zeroed memory, aligned to 64 bytes. Ends the program if there is none.
void *allocate(size_t bytes);

// Writes a value as an element type stores it. Returns the value that is stored.
double encode(ouro_element element, float value, void *out);

// Reports a failure if two values differ by more than tolerance * (1 + magnitude). `what` names the test.
void expect_close(const ouro_variant *variant, const char *what, double found, double expected, double tolerance,
                  double magnitude);

// Reports a failure unless n floats agree in every bit.
void expect_same(const ouro_variant *variant, const char *what, const float *found, const float *expected, size_t n);

#endif
