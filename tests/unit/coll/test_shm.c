/* Processes of one host that share memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BACKEND      "shm"
#define BACKEND_NAME "shm"
#define MEETING_US   15000
#include "backend_tests.h"

int main(void)
{
    return run_backend_tests();
}
