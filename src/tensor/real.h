/* tensor/real - exp, log, tanh, sine and cosine in plain double arithmetic. libm's last bits differ
 * from one machine or version to the next; these are the same wherever doubles are IEEE's. Errors
 * are below 1e-15 of the result (of 1, for sine and cosine), so that what is rounded to float is
 * right to half a unit of its last place, but for one case in some ten million. */
#ifndef TENSOR_REAL_H
#define TENSOR_REAL_H

/* 0 below -745.2, inf above 709.7. */
double real_exp(double x);

/* exp(x) - 1, without loss near 0. */
double real_expm1(double x);

/* -inf of 0, NaN below. */
double real_log(double x);

double real_tanh(double x);

/* x^y for x > 0; loses |y log x| / 1e16. */
double real_pow(double x, double y);

/* Both of an angle below 2^22 or so; NaN beyond 2^30. */
void real_sincos(double x, double *sine, double *cosine);

#endif
