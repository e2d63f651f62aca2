-- 50,000 distinct files, one after the other.
local number = -1

function request()
  number = (number + 1) % 50000
  local path = string.format("/many/%02d/%03d.html", math.floor(number / 500), number % 500)
  return wrk.format("GET", path)
end
