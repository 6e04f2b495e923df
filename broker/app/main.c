/* The program. Everything it does is in cli.c, where tests reach it. */
#include <stdio.h>

#include "broker/app/cli.h"

int main(int argc, char **argv)
{
    return (int)cli_run(argc, argv, stdout, stderr);
}
