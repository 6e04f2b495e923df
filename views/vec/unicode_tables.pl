#!/usr/bin/perl
# Print unicode_tables.c: simple case mappings and what is a letter or digit, of the Unicode version this perl knows
# (Debian 12: 14.0.0, that of glibc 2.36's C.UTF-8). Run: views/vec/unicode_tables.pl > views/vec/unicode_tables.c
use strict;
use warnings;
use Unicode::UCD qw(prop_invmap prop_invlist);

my $version = Unicode::UCD::UnicodeVersion();
print <<"HEAD";
/* Tables of Unicode $version, made by unicode_tables.pl. See unicode.h. */
#include "views/vec/unicode.h"

/* clang-format off */
HEAD
mapping("vec_unicode_upper", "Simple_Uppercase_Mapping");
mapping("vec_unicode_lower", "Simple_Lowercase_Mapping");
print "/* clang-format on */\n";

# Runs of characters that move by the same distance and stand one or two apart.
sub mapping {
    my ($name, $property) = @_;
    my ($list, $map, undef, undef) = prop_invmap($property);
    my @pairs;
    for my $i (0 .. $#$list - 1) {
        next if ref $map->[$i] || $map->[$i] == 0;
        push @pairs, map { [$_, $map->[$i] - $list->[$i]] } $list->[$i] .. $list->[ $i + 1 ] - 1;
    }
    my @runs;
    for my $pair (@pairs) {
        my ($code, $delta) = @$pair;
        my $run = $runs[-1];
        if ($run && $run->{delta} == $delta) {
            my $gap = $code - $run->{last};
            if (($run->{first} == $run->{last} && $gap <= 2) || $run->{stride} == $gap) {
                @$run{qw(last stride)} = ($code, $gap);
                next;
            }
        }
        push @runs, { first => $code, last => $code, stride => 1, delta => $delta };
    }
    rows("const struct vec_unicode_run ${name}[]",
        map { sprintf "{0x%x, 0x%x, %d, %d}", @$_{qw(first last delta stride)} } @runs);
    print "const unsigned ${name}_count = sizeof($name) / sizeof(${name}[0]);\n\n";
}

my %alnum = ();
my @ranges;
{
    my @alphabetic = prop_invlist("Alphabetic");
    my @digit = prop_invlist("gc=Nd");
    my %edge;
    for my $list (\@alphabetic, \@digit) {
        for my $i (0 .. $#$list) { $edge{ $list->[$i] } += $i % 2 ? -1 : 1; }
    }
    my ($depth, $first) = (0, 0);
    for my $code (sort { $a <=> $b } keys %edge) {
        $first = $code if $depth == 0 && $edge{$code} > 0;
        push @ranges, [ $first, $code - 1 ] if $depth > 0 && $depth + $edge{$code} == 0;
        $depth += $edge{$code};
    }
}
print "\n/* clang-format off */\n";
rows("const struct vec_unicode_range vec_unicode_alnum[]", map { sprintf "{0x%x, 0x%x}", @$_ } @ranges);
print "const unsigned vec_unicode_alnum_count = sizeof(vec_unicode_alnum) / sizeof(vec_unicode_alnum[0]);\n";
print "/* clang-format on */\n";

sub rows {
    my ($head, @rows) = @_;
    print "$head = {\n";
    my $line = "   ";
    for my $row (@rows) {
        if (length($line) + length($row) > 97) { print "$line\n"; $line = "   "; }
        $line .= " $row,";
    }
    print "$line\n};\n";
}
