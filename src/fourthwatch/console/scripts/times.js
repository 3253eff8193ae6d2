// Moments come in UTC; here they are put into the viewer's zone, in the one form that the console writes dates in: `28 Nov 2026, 05:26`.
// UTC stays where the pointer rests.
const PARTS = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
export const full = new Intl.DateTimeFormat("en-GB", PARTS);
const short = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]];

export function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if ("ago" in element.dataset) {
      const age = Math.max(0, Date.now() - at.getTime());
      const [name, size] = UNITS.find(([, unit]) => age >= unit) ?? UNITS[3];
      element.textContent = `${Math.floor(age / size)} ${name}`;
    } else {
      element.textContent = ("short" in element.dataset ? short : full).format(at);
    }
  }
}
