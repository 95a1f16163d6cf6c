# Writes decimals.txt: what Python computes for durations in ms and counts.
# Each line has a duration, the duration rounded to three decimals, the duration in s
# rounded to two decimals, a count, the count per second rounded to two decimals, and the
# count divided by the count of the line before.
import random
from decimal import Decimal


def plain(x):
    text = format(Decimal(repr(x)), "f")
    return text if "." in text or isinstance(x, int) else text + ".0"


random.seed(1)
texts = """0 0.000000 0.0005 0.0015 0.0025 0.0035 0.0625 0.1875 1.0625 1.918000 5 0.9995 1.9995 0.0004999999999 0.0005000001
0.00049999999999999999999 00.50 007 15.000 25.000 35.000 45.000 1005 5015 285 2675 4.999999 5.000000 999.999500 999.999499
1795379200706.312012 999999999999.9995 999999999999999.9 999999999999999.999 9007199254740.9925 4503599627370.4975
1073741823.999500 1073741824.000500 536870912.062500 999999999.9995 1000000000.0005 0.0000001 0.123456789""".split()
for _ in range(300):
    whole = random.randrange(10 ** random.randrange(1, 16))
    digits = random.choice([6, 6, 6, 1, 2, 3, 4, 5, 7, 9, 20])
    fraction = random.randrange(10**digits)
    if random.random() < 0.4:
        fraction = fraction // 1000 * 1000 + random.choice([0, 499, 500, 501])
    texts.append(f"{whole}.{fraction % 10**digits:0{digits}d}")
before = 1
with open("decimals.txt", "w") as out:
    for text in texts:
        ms = round(float(text), 3)
        seconds = ms / 1000
        count = random.randrange(2 ** random.randrange(1, 65))
        rate = plain(round(count / seconds, 2)) if seconds else "0"
        quotient = plain(count / before) if count and before else "0"
        print(text, plain(ms), plain(round(seconds, 2)), count, rate, quotient, file=out)
        before = count
